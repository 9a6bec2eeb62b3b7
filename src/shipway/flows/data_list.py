"""`shipway data list`: the restore points of an environment, as the hosts that keep them say."""

from __future__ import annotations

import time
from collections.abc import Callable

from shipway.execute.telling import Tell
from shipway.flows.data_points import keepers, lists
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach
from shipway.flows.words import DataListWords
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.reports.copies import places_json, places_of, places_text
from shipway.reports.data import points_json, points_of, points_text


async def data_list(words: DataListWords, on_event: Callable[[Event], None]) -> Verdict:
    """All of all hosts: one that kept points before another took its place still has them. Raises WrongInput, Refused."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    keepers(intent)
    tell = Tell(on_event, time.time)
    async with reach(intent, tell) as fleet:
        said = await lists(fleet, tell, fleet.names)
    points, places = points_of(said), places_of(said)
    damaged = [point for some in points.values() for point in some if point.damaged]
    now = time.time()
    lines = [*points_text(points, now), *places_text(places, points, intent.environment.name, now)]
    data = {"points": points_json(points), "places": places_json(places, points), "lines": lines}
    count = sum(map(len, points.values()))
    if damaged:
        hint = f"shipway data backup {intent.environment.name} takes a new one"
        return Verdict("answer", 1, f"{len(damaged)} of {count} restore points cannot be read", hint, "", data)
    return Verdict("answer", 0, f"{count} restore points", "", "", data)

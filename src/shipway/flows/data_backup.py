"""`shipway data backup`: a restore point of what must not be lost, taken now by the host that keeps it."""

from __future__ import annotations

import time
from collections.abc import Callable

from shipway.execute.telling import Tell
from shipway.flows.data_points import ask, keepers, no
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach
from shipway.flows.words import DataBackupWords
from shipway.flows.words_of_failure import unreachable
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.reports.data import points_json, points_of, points_text


async def data_backup(words: DataBackupWords, on_event: Callable[[Event], None]) -> Verdict:
    """All at once. Raises WrongInput, Refused where a host cannot be reached, Failed where one could not take it."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    wanted = keepers(intent, words.only)
    tell = Tell(on_event, time.time)
    async with reach(intent, tell) as fleet:
        opened = await fleet.each(fleet.channel, {place.partition("/")[0] for place in wanted})
        if opened.errors:
            raise unreachable(opened.errors, fleet)
        taken = await fleet.each(
            lambda place: ask(
                fleet,
                tell,
                place,
                {"do": "backup", "name": wanted[place].name, "may_be_empty": words.may_be_empty},
                bound_seconds=wanted[place].timeout_seconds,
            ),
            wanted,
        )
    points = points_of({place: {"data": {wanted[place].name: [answer]}} for place, answer in taken.answers.items()})
    if taken.errors:
        place, error = next(iter(taken.errors.items()))
        others = "; ".join(f"{point.point} was taken" for some in points.values() for point in some)
        what = f"no restore point of {wanted[place].name} was taken{f' ({others})' if others else ''}"
        raise no(error, what, f"mend what is said, then shipway data backup {name}; shipway data list {name} shows those that are there")
    data = {"points": points_json(points), "lines": points_text(points, time.time())}
    count = sum(map(len, points.values()))
    return Verdict("answer", 0, f"{count} restore point{'s' if count != 1 else ''} taken and read back whole", "", "", data)

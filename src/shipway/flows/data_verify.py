"""`shipway data verify`: whether a restore point can be read back, or restored, and how long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from shipway.execute.telling import Tell
from shipway.flows.data_points import ask, keepers, lists, meant
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach
from shipway.flows.words import DataVerifyWords
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError, HostRefused
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.reports.data import points_json, points_of
from shipway.reports.sizes import seconds, size

READ_SECONDS = 6 * 3600.0


async def data_verify(words: DataVerifyWords, on_event: Callable[[Event], None]) -> Verdict:
    """Exit 0 only if every byte of it was read back; 1 with the reason. Raises WrongInput, Refused."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    keepers(intent)
    tell = Tell(on_event, time.time)
    async with reach(intent, tell) as fleet:
        point = meant(words.point, await lists(fleet, tell, fleet.names), name)
        try:
            args = {"do": "verify", "point": point.point, "restore": words.restore}
            answer = await ask(fleet, tell, point.host, args, bound_seconds=READ_SECONDS)
        except HostError as error:
            if not isinstance(error, HostRefused):
                raise unreachable({error.host: error}, fleet) from error
            hint = f"shipway data backup {name} takes a new one; shipway data list {name} shows the others"
            data: dict[str, Any] = {"code": error.code, "point": point.point, "lines": [f"{point.host}: {error.message}", *error.lines]}
            return Verdict("answer", 1, f"{point.point} is no good", hint, "", data)
    restored = answer.get("restored")
    words_of_it = f"{point.point} was read back whole in {seconds(float(answer['read_seconds']))}: {size(point.bytes)}, {point.rows:,} rows"
    if isinstance(restored, Mapping):
        words_of_it += f"; restored and compared row for row in {seconds(float(restored['seconds']))}"
    age = f"what it brings back is {seconds(max(0.0, time.time() - point.at))} old"
    data = {"points": points_json(points_of({point.host: {"data": {point.data: [answer]}}})), "lines": [words_of_it, age]}
    return Verdict("answer", 0, words_of_it, "", "", data)

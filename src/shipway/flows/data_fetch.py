"""`shipway data fetch`: a restore point comes back to its host from a copy in another place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.data_points import ask, data_of, keepers, no
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach
from shipway.flows.words import DataFetchWords
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError, HostRefused, WrongInput
from shipway.model.event import Event
from shipway.model.intent import Data, Intent
from shipway.model.verdict import Verdict
from shipway.reports.data import points_json, points_of, points_text
from shipway.reports.sizes import seconds

FETCH_SECONDS = 6 * 3600.0


async def data_fetch(words: DataFetchWords, on_event: Callable[[Event], None]) -> Verdict:
    """Exit 0 once it is on the host and every byte of it was read. Raises WrongInput, Refused, Failed."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    tell = Tell(on_event, time.time)
    async with reach(intent, tell) as fleet:
        host, answer = await fetched(intent, fleet, tell, words.point, words.source or "")
    points = points_of({host: {"data": {str(answer["data"]): [answer]}}})
    data = {"points": points_json(points), "from": answer.get("from"), "lines": points_text(points, time.time())}
    hint = f"shipway data restore {name} {answer['point']} says what it would bring back and lose"
    if answer.get("from") is None:
        return Verdict("answer", 0, f"{answer['point']} is on {host} already", hint, "", data)
    took = seconds(float(answer["fetch_seconds"]))
    return Verdict(
        "answer", 0, f"{answer['point']} came from {answer['from']} to {host} in {took}, and was read back whole", hint, "", data
    )


async def fetched(intent: Intent, fleet: Fleet, tell: Tell, point: str, source: str) -> tuple[str, dict[str, Any]]:
    """The host that the point is on now, and what it says of it. Raises WrongInput, Refused, Failed."""
    name = intent.environment.name
    place, data = _meant(intent, point, source)
    try:
        args = {"do": "fetch", "name": data.name, "point": point, "from": source}
        return place.partition("/")[0], await ask(fleet, tell, place, args, bound_seconds=FETCH_SECONDS)
    except HostError as error:
        if not isinstance(error, HostRefused):
            raise unreachable({error.host: error}, fleet) from error
        raise no(error, f"{point} was not fetched", f"mend what is said, then the same again; shipway data list {name} has all") from error


def _meant(intent: Intent, point: str, source: str) -> tuple[str, Data]:
    """Which data a point is of, by its name, and its host. Raises WrongInput where it is of none, or the place is none of its."""
    for place, data in keepers(intent).items():
        if data_of(point, (data,)) is not None:
            known = [one.to for one in data.copies]
            if not known or (source and source not in known):
                what = (
                    f"copies of {data.name} are at {', '.join(known)}, not at {source}"
                    if known
                    else f"no copies of {data.name} are declared"
                )
                raise WrongInput(what, state="nothing was touched", hint="name a place as shipway.toml has it", code="unknown-place")
            return place, data
    names = ", ".join(data.name for data in intent.environment.data)
    hint = f"shipway data list {intent.environment.name} shows all"
    raise WrongInput(f"{point} is of no data here; there is {names}", state="nothing was touched", hint=hint, code="unknown-point")

"""`shipway data send`: what lacks in other places is sent there now, and not only when the host next tries by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from shipway.execute.telling import Tell
from shipway.flows.data_points import ask, keepers, listed, no
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach
from shipway.flows.words import DataSendWords
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.intent import Data
from shipway.model.verdict import Verdict
from shipway.reports.copies import places_json, places_of, places_text

SEND_SECONDS = 6 * 3600.0


async def data_send(words: DataSendWords, on_event: Callable[[Event], None]) -> Verdict:
    """Exit 0 when every place has what it should have, 1 when one says no. Raises WrongInput, Refused, Failed."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    wanted = _with_copies(keepers(intent, words.only), name)
    tell = Tell(on_event, time.time)
    async with reach(intent, tell) as fleet:
        opened = await fleet.each(fleet.channel, {place.partition("/")[0] for place in wanted})
        if opened.errors:
            raise unreachable(opened.errors, fleet)
        sent = await fleet.each(
            lambda place: ask(fleet, tell, place, {"do": "send", "name": wanted[place].name}, bound_seconds=SEND_SECONDS), wanted
        )
        if sent.errors:
            place, error = next(iter(sent.errors.items()))
            raise no(error, f"copies of {wanted[place].name} were not sent", f"mend what is said, then shipway data send {name}")
        points = await listed(fleet, tell, {place.partition("/")[0] for place in wanted})
    places = places_of({place: {"copies": {wanted[place].name: answer.get("copies")}} for place, answer in sent.answers.items()})
    data = {"places": places_json(places, points), "lines": places_text(places, points, name, time.time())}
    behind = [place for place in places if place.error]
    count = sum(len(answer.get("sent") or ()) for answer in sent.answers.values())
    told = f"{count} cop{'y' if count == 1 else 'ies'} sent, and read back there"
    if behind:
        hint = f"mend what is said; {behind[0].host} tries again by itself for a day, and shipway data send {name} at once"
        return Verdict("answer", 1, f"{told}; {behind[0].to} says no", hint, "", data)
    return Verdict("answer", 0, told, "", "", data)


def _with_copies(wanted: Mapping[str, Data], environment: str) -> dict[str, Data]:
    found = {place: data for place, data in wanted.items() if data.copies}
    if not found:
        names = ", ".join(data.name for data in wanted.values())
        raise WrongInput(
            f"no copies of {names} are declared for {environment}",
            state="nothing was touched",
            hint='copies = ["/mnt/backup"] in [data.NAME] declares a place; commit it and deploy',
            code="unknown-place",
        )
    return found

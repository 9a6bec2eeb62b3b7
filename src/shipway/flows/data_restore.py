"""`shipway data restore`: a restore point in the place of what is there; first, and by default only, what that would lose."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from shipway.flows.attempt import Attempt, attempt
from shipway.flows.data_fetch import fetched
from shipway.flows.data_points import ask, keepers, lists, meant
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach
from shipway.flows.transact import transact
from shipway.flows.transaction import Transaction
from shipway.flows.words import DataRestoreWords
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.restore import plan_restore
from shipway.reports.data import Loss, Point, loss_json, loss_text

COUNT_SECONDS = 600.0


async def data_restore(words: DataRestoreWords, on_event: Callable[[Event], None]) -> Verdict:
    """Under the leases of every member. Raises ShipwayError for every ending that is not 0."""
    project = open_project(words.project)
    with attempt(project.directory, on_event, "restore", lambda: project.meant(words.environment)) as trying:
        intent = intent_of_head(project, words.environment)
        name = intent.environment.name
        keepers(intent)
        point, loss = await _looked_at(intent, words, trying)
        if not words.yes:
            data = {"loss": loss_json(point, loss), "lines": loss_text(point, loss, time.time())}
            hint = f"shipway data restore {name} {point.point} --yes does it; shipway maintenance on {name} --hold keeps visitors waiting"
            return Verdict("answer", 0, "nothing was touched", hint, "", data)
        for line in loss_text(point, loss, time.time()):
            trying.tell("note", message=line)
        bound = next((data.timeout_seconds for data in intent.environment.data if data.name == point.data), COUNT_SECONDS)

        def planner(facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str) -> Plan:
            return plan_restore(
                intent,
                facts,
                point.point,
                point.host,
                deployment=deployment,
                who=who,
                number=number,
                peer_key=peer_key,
                timeout_seconds=bound,
            )

        def done(plan: Plan, trying: Attempt) -> str:
            return f"{point.data} of {name} is as it was at {point.point}, in {trying.seconds:.1f} s"

        return trying.ended(await transact(trying, Transaction(intent, planner, lambda plan: None, done)))


async def _looked_at(intent: Intent, words: DataRestoreWords, trying: Attempt) -> tuple[Point, Loss]:
    """The point that is meant, and what would be lost. Raises WrongInput, Refused."""
    async with reach(intent, trying.say) as fleet:
        wanted = words.point
        if words.source is not None:
            _, answer = await fetched(intent, fleet, trying.tell, words.point, words.source)
            wanted = str(answer["point"])
        point = meant(wanted, await lists(fleet, trying.tell, fleet.names), intent.environment.name)
        try:
            said: Mapping[str, Any] = await ask(
                fleet, trying.tell, point.host, {"do": "compare", "point": point.point}, bound_seconds=COUNT_SECONDS
            )
        except HostError as error:
            raise unreachable({error.host: error}, fleet) from error
    return point, Loss.of(said)

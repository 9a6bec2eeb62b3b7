"""`shipway rollback`: an earlier generation current again, with its own configuration; no build, no upload, no registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shipway.execute.fleet import Fleet
from shipway.flows.attempt import Attempt, attempt
from shipway.flows.borrow import Borrowed, borrow
from shipway.flows.front import Caddies
from shipway.flows.head import intent_of_head
from shipway.flows.migrating import ask_schema
from shipway.flows.project import open_project, release_meant
from shipway.flows.transact import transact
from shipway.flows.transaction import Transaction
from shipway.flows.warm_words import warm_words
from shipway.flows.without import leave_out
from shipway.flows.words import RollbackWords
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.rollback import plan_rollback
from shipway.reports.few import named


async def rollback(words: RollbackWords, on_event: Callable[[Event], None]) -> Verdict:
    """Go back to `words.target`. Raises ShipwayError for every ending that is not 0."""
    project = open_project(words.project)
    with (
        attempt(project.directory, on_event, "rollback", lambda: project.meant(words.environment)) as trying,
        TemporaryDirectory(prefix="shipway-") as folder,
    ):
        intent = leave_out(intent_of_head(project, words.environment), words.without)
        target = release_meant(project, words.target)

        borrowed = Borrowed(Path(folder))
        caddies = Caddies(intent, trying.tell)

        schema: dict[str, Any] = {}

        async def learn(fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
            schema.update(await ask_schema(fleet, facts) or {})

        async def lend(fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
            await learn(fleet, facts)
            borrowed.loans = await borrow(fleet, intent, facts, target, borrowed.folder)
            if borrowed.loans:
                await caddies.learn(fleet, {name: fact for name, fact in facts.items() if name in borrowed.loans})
                borrowed.caddies = caddies.by_host

        def planner(facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str) -> Plan:
            return plan_rollback(
                intent,
                facts,
                target,
                deployment=deployment,
                who=who,
                number=number,
                caddies=caddies.digests,
                peer_key=peer_key,
                loans=borrowed.loans,
                schema=schema or None,
            )

        transaction = Transaction(intent, planner, lambda plan: borrowed if borrowed.loans else None, _back, True, lend, learn)
        verdict = await transact(trying, transaction)
        return trying.ended(verdict)


def _back(plan: Plan, trying: Attempt) -> str:
    version = plan.document.get("version", "")
    proved = f"proved on {named(plan.members)} in {trying.seconds:.1f} s"
    return f"{version} is current again in {plan.environment}, {proved}{warm_words(plan)}"

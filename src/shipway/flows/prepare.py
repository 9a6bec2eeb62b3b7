"""`shipway prepare`: the first half of a deployment, any time before; nothing that users can see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from shipway.flows.attempt import Attempt, attempt
from shipway.flows.cargo import Cargo
from shipway.flows.front import caddy_for, serving
from shipway.flows.project import open_project
from shipway.flows.transact import Transaction, transact
from shipway.flows.want import filled, make, want
from shipway.flows.without import leave_out
from shipway.flows.words import PrepareWords
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.prepare import plan_prepare


async def prepare(words: PrepareWords, on_event: Callable[[Event], None]) -> Verdict:
    """Bring the commit to every host and run its prepare tasks. Raises ShipwayError for every ending that is not 0."""
    project = open_project(words.project)
    with attempt(project.directory, on_event) as trying:
        wanted = await filled(project, want(project, words.environment, words.ref), trying.tell)
        wanted = replace(wanted, intent=leave_out(wanted.intent, words.without))
        made = await make(project, wanted, trying.tell)
        caddy = caddy_for(wanted.intent)
        planner = partial(plan_prepare, wanted.intent, made.release, caddy_digest=caddy and caddy[0])
        verdict = await transact(
            trying, Transaction(wanted.intent, planner, lambda plan: Cargo(made, caddy, serving(wanted.intent)), _prepared, True)
        )
        return trying.ended(verdict)


def _prepared(plan: Plan, trying: Attempt) -> str:
    version = plan.document.get("version", "")
    return (
        f"{version} is prepared on {', '.join(plan.members)} in {trying.seconds:.1f} s; what serves in {plan.environment} was not touched"
    )

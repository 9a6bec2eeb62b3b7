"""`shipway prepare`: the first half of a deployment, any time before; nothing that users can see."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.approach import Approach
from shipway.flows.attempt import Attempt, attempt
from shipway.flows.project import open_project
from shipway.flows.shipping import shipping
from shipway.flows.transact import transact
from shipway.flows.words import PrepareWords
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.prepare import plan_prepare
from shipway.reports.few import named


async def prepare(words: PrepareWords, on_event: Callable[[Event], None]) -> Verdict:
    """Bring the commit to every host and run its prepare tasks. Raises ShipwayError for every ending that is not 0."""
    project = open_project(words.project)
    with attempt(project.directory, on_event, "prepare", lambda: project.meant(words.environment)) as trying:
        async with Approach(trying.say, may_leave_out=True) as approach:
            ready = await shipping(project, words, trying.tell, approach.begin)
            verdict = await transact(trying, ready.transaction(plan_prepare, _prepared), approach)
        return trying.ended(verdict)


def _prepared(plan: Plan, trying: Attempt) -> str:
    version = plan.document.get("version", "")
    return f"{version} is prepared on {named(plan.members)} in {trying.seconds:.1f} s; what serves in {plan.environment} was not touched"

"""A fleet that an interrupted driver left in, a settled one out: what resume and abort have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shipway.flows.approach import connect_and_read
from shipway.flows.attempt import Attempt
from shipway.flows.begin import hold
from shipway.flows.reach import reach, typed
from shipway.flows.reading import is_quiet
from shipway.flows.who import who
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Settled:
    """Each deployment that was open and its decision, oldest first; and the facts afterwards."""

    decisions: Mapping[str, str]
    facts: Mapping[str, HostFacts]
    deployment: str


def _any(facts: Mapping[str, HostFacts]) -> None:
    """Whatever the facts are, settle."""


async def settle(
    attempt: Attempt,
    intent: Intent,
    kind: str,
    *,
    lost: tuple[str, ...] = (),
    check: Callable[[Mapping[str, HostFacts]], None] = _any,
) -> Settled:
    """Settle everything that is open under a number of this driver. `lost` are members that are written off, not among the hosts of
    `intent`; `check` may refuse when it has seen the facts. Raises Refused, Unsettled.
    """
    environment = intent.environment
    async with reach(intent, attempt.say) as fleet:
        facts = await connect_and_read(fleet, attempt.say, lost=lost)
        check(typed(facts))
        if is_quiet(facts):
            attempt.tell("began", kind=kind, app=intent.app, environment=environment.name, who=who(), members=list(fleet.names))
            return Settled({}, typed(facts), "")

        def document(number: int, deployment: str) -> Mapping[str, object]:
            return {"kind": kind, "app": intent.app, "environment": environment.name, "number": number}

        async with hold(fleet, environment, facts, attempt.tell, document, lost) as held:
            tell = attempt.named(held.claim.deployment)
            tell("began", kind=kind, app=intent.app, environment=environment.name, who=held.claim.owner, members=list(fleet.names))
            decisions = {
                str(event.data["deployment_settled"]): str(event.data["decision"]) for event in attempt.events if event.kind == "settled"
            }
            return Settled(decisions, typed(held.facts), held.claim.deployment)


def again_of(facts: Mapping[str, HostFacts], deployment: str, environment: str) -> str:
    """What to type to have it once more, as the hosts journalled it: the order that it was, or the deployment of its commit."""
    documents = [found.document for fact in facts.values() if (found := fact.member.attempt(deployment)) is not None]
    ordered = next((str(document["command"]) for document in documents if document.get("command")), "")
    return ordered or shipping_of(facts, deployment, environment)


def shipping_of(facts: Mapping[str, HostFacts], deployment: str, environment: str) -> str:
    """What to type to have its commit on every host."""
    documents = [found.document for fact in facts.values() if (found := fact.member.attempt(deployment)) is not None]
    commit = next((str(document["commit"]) for document in documents if document.get("commit")), "")
    return f"shipway deploy {environment}" + (f" --ref {commit[:12]}" if commit else "")

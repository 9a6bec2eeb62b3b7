"""An outcome whose driver was not heard for too long in; what the hosts did without it, read from them, as the error to raise out."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.execute import ask
from shipway.execute.conduct import Outcome
from shipway.execute.fleet import Fleet
from shipway.flows.serving import serving
from shipway.model.errors import AGAIN, Failed, HostError, HostRefused, ShipwayError, Unsettled
from shipway.model.facts import Attempt, HostFacts
from shipway.plan.facts import read_facts
from shipway_agent.states import REVERTED

CODES = frozenset({"fenced", "settled", "expired"})
"""What a host says to a driver that comes too late: a later one has it, it is decided, its lease is over."""

UNDONE = frozenset({"reverted", "discarded", ""})
"""Stages of a host on which nothing of the deployment serves; "" where it never heard of it, or has forgotten."""


def comes_too_late(outcome: Outcome) -> bool:
    """Whether hosts refused this driver because they have gone on without it, or the lead had decided otherwise when it came to commit."""
    errors: list[HostError] = [*(outcome.errors or {}).values(), *(outcome.ending.silent.values() if outcome.ending else ())]
    if not errors and outcome.where == "commit":
        return outcome.ending is not None and outcome.ending.decision == REVERTED and not outcome.interrupted
    return bool(errors) and all(isinstance(error, HostRefused) and error.code in CODES for error in errors)


async def overtaken(fleet: Fleet, deployment: str, number: int) -> ShipwayError | None:
    """What became of a deployment whose driver was stopped, asleep or cut off, asked of the hosts: this driver knows nothing of that time.

    None where not every host can be read.
    """
    looked = await ask.look(fleet)
    try:
        facts = {host: read_facts(host, answer) for host, answer in looked.answers.items()}
    except HostError:
        return None
    if looked.errors or not facts:
        return None
    stages = {host: attempt.stage if (attempt := fact.member.attempt(deployment)) is not None else "" for host, fact in facts.items()}
    later = _later(facts, number)
    came = f", and {later.deployment} of {later.document.get('who') or 'somebody'} has come since" if later is not None else ""
    message = f"this driver was not heard for longer than its lease: the hosts went on without {deployment}{came}"
    details = [f"{host}: {deployment} is {stage or 'not known any more'}" for host, stage in sorted(stages.items())]
    name = fleet.environment
    if set(stages.values()) <= UNDONE:
        state = f"{deployment} is undone on every host: {serving(facts)}"
        again = f"shipway status {name} tells what serves; {AGAIN} ships it all the same"
        return Failed(message, state=state, hint=again, code="overtaken", details=details)
    return Unsettled(message, state=serving(facts), hint=f"shipway resume {name} settles what is open", code="overtaken", details=details)


def _later(facts: Mapping[str, HostFacts], number: int) -> Attempt | None:
    """The newest deployment with a higher number; a refused one, that came to nothing, is none."""
    attempts = [attempt for fact in facts.values() for attempt in fact.member.attempts if attempt.fence > number]
    return max((a for a in attempts if a.stage != "discarded"), key=lambda attempt: attempt.fence, default=None)

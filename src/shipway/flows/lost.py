"""A fleet of which some members are lost for ever in; what was open settled without them, and they written off, out.

Every member that is not named lost is leased under a higher term, so that no answer of an earlier lead counts there; only then is
*reverted* written on the first of them, unless one has *committed* on record.
"""

from __future__ import annotations

from collections.abc import Mapping

from shipway.flows.attempt import Attempt
from shipway.flows.settle import Settled, settle
from shipway.flows.without import refuse_strangers
from shipway.model.errors import AGAIN, Refused, WrongInput
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.plan.facts import recorded_members
from shipway_agent.record import replace

UNTOUCHED = "nothing was touched; every host serves what it served"


async def settle_without(attempt: Attempt, intent: Intent, lost: tuple[str, ...]) -> Settled:
    """Settle everything that is open without the members in `lost`, and write those off. Raises WrongInput, Refused, Unsettled."""
    environment = intent.environment
    left = tuple(host for host in environment.hosts if host.name not in lost)
    if not left:
        raise WrongInput(
            f"nobody of {environment.name} would be left to decide",
            state="nothing was touched",
            hint=f"name those that are gone for ever, and no other of {', '.join(host.name for host in environment.hosts)}",
            code="no-host",
        )
    without = replace(intent, environment=replace(environment, hosts=left))
    return await settle(attempt, without, "abort", lost=lost, check=lambda facts: _check(intent, facts, lost))


def _check(intent: Intent, facts: Mapping[str, HostFacts], lost: tuple[str, ...]) -> None:
    """The names are those of members, and every member is either asked or named."""
    environment = intent.environment
    configured = {host.name for host in environment.hosts}
    refuse_strangers(environment.name, lost, sorted(configured.union(recorded_members(facts))))
    unasked = sorted(set(recorded_members(facts)) - configured - set(lost))
    if unasked:
        names = " and ".join(unasked)
        raise Refused(
            f"{names} {'is a member' if len(unasked) == 1 else 'are members'} too, and not in shipway.toml: it may hold a decision",
            state=UNTOUCHED,
            hint=f"put {names} back into shipway.toml and commit, then {AGAIN}; or name it as well: --lost {unasked[0]}",
            code="member-missing",
        )

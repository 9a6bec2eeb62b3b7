"""Open channels in, facts out: what is there, read from the hosts and never from intent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from shipway.execute.fleet import Fleet, Outcomes

Facts = dict[str, Any]

Left = Mapping[str, Any]
"""A task that ran for a deployment that did not go live, as FACTS["left"] of docs/contracts.md has it."""

LOOK_SECONDS = 30.0
VERIFY_SECONDS = 300.0
"""Bound of a look that reads every byte of the live release."""


Verify = bool | Literal["sealed"]
"""Whether a look compares the live release with its manifest: every byte of it, or, sealed, every byte of a tree that was written to since
it was read last, as the file system tells.
"""


async def look(fleet: Fleet, *, verify: Verify = False, brief: bool = False, hosts: tuple[str, ...] | None = None) -> Outcomes[Facts]:
    """The facts of every host at once."""
    return await fleet.each(lambda name: look_at(fleet, name, verify=verify, brief=brief), hosts)


async def look_at(fleet: Fleet, name: str, *, verify: Verify = False, brief: bool = False) -> Facts:
    """The facts of one host; `brief` ones leave out how it comes back after a reboot. Raises HostError."""
    bound = VERIFY_SECONDS if verify else LOOK_SECONDS
    args = {"verify": verify, **({"brief": True} if brief else {})}
    return await fleet.call(name, "look", args, timeout_seconds=bound)


def next_number(facts: Mapping[str, Facts]) -> int:
    """One more than the highest fencing number any member has seen, so that a replaced host never blocks the rest."""
    return 1 + max((int(fact["member"]["fence"]) for fact in facts.values()), default=0)


def highest_term(facts: Mapping[str, Facts]) -> int:
    """The term of the last driver that wrote members off; 0 when none ever did."""
    return max((int(fact["member"]["term"]) for fact in facts.values()), default=0)


def next_term(facts: Mapping[str, Facts], lead: str, members: Iterable[str]) -> int:
    """A term above all that these hosts know, which no driver that makes another member the lead can take.

    Two people may write each other's hosts off; each term belongs to one member by its place among all, so theirs are never equal.
    """
    order = sorted(members)
    term = highest_term(facts) + 1
    return term + (order.index(lead) - term) % len(order)


def left_of(facts: Mapping[str, Facts], deployment: str | None = None) -> dict[str, list[Left]]:
    """Tasks that stay of deployments that did not go live, by host, newest first; of one where named. Hosts with none are left out."""
    found = {
        name: [left for left in fact.get("left", ()) if deployment in (None, left["deployment"])] for name, fact in sorted(facts.items())
    }
    return {name: left for name, left in found.items() if left}

"""Where a host stands in one deployment, and what may move it: the one table that runner, replay, simulation and docs read."""

from __future__ import annotations

from shipway_agent.typed import Dict, FrozenSet, Tuple

# Stages of one deployment on one host.
LEASED = "leased"  # a driver holds the lease; nothing is prepared
PREPARED = "prepared"  # this host has voted: everything users cannot see is there
STARTING = "starting"  # candidates may run beside what serves
READY = "ready"  # candidates are proved at the address the proxy will dial
ARMED = "armed"  # the intent to switch is journalled, with its deadline
SWITCHED = "switched"  # `current` is the new generation
BACK = "back"  # went back by itself (deadline without a lead, reboot); does not know the decision
RESTORING = "restoring"  # the lead goes back, and first the restore point is put back; requests wait
DISCARDED = "discarded"  # the lease ran out before any intent; only blobs are kept
COMMITTED = "committed"
REVERTED = "reverted"

DECISIONS: FrozenSet[str] = frozenset({COMMITTED, REVERTED})
"""Stages that carry a decision: nothing leads out of them but a record of a higher term."""

INTENT: FrozenSet[str] = frozenset({ARMED, SWITCHED, BACK, RESTORING})
"""Undecided stages that had an intent, or changed data: what a host needs to go forward or back is kept until it knows the decision."""

TENTATIVE: FrozenSet[str] = frozenset({LEASED, PREPARED, STARTING, READY})
"""Undecided stages without an intent: discarded when the lease runs out."""

UNDECIDED = (ARMED, SWITCHED, BACK, RESTORING, LEASED, PREPARED, STARTING, READY, DISCARDED)
"""Every stage in which a host does not know the decision."""

# What moves a host from one stage to the next.
NEXT: Dict[Tuple[str, str], str] = {
    (LEASED, "vote"): PREPARED,
    (PREPARED, "start"): STARTING,
    (STARTING, "ready"): READY,
    (READY, "arm"): ARMED,
    (ARMED, "switched"): SWITCHED,
    (ARMED, "alone"): BACK,
    (SWITCHED, "alone"): BACK,
    (ARMED, "reboot"): BACK,
    (SWITCHED, "reboot"): BACK,
    (LEASED, "expire"): DISCARDED,
    (PREPARED, "expire"): DISCARDED,
    (STARTING, "expire"): DISCARDED,
    (READY, "expire"): DISCARDED,
    (LEASED, "reboot"): DISCARDED,
    (PREPARED, "reboot"): DISCARDED,
    (STARTING, "reboot"): DISCARDED,
    (READY, "reboot"): DISCARDED,
}
NEXT.update({(stage, "restore"): RESTORING for stage in (PREPARED, STARTING, READY, ARMED, SWITCHED, BACK)})
NEXT.update({(stage, "commit"): COMMITTED for stage in UNDECIDED})
NEXT.update({(stage, "revert"): REVERTED for stage in UNDECIDED})

# A lead that was written off comes back with its own decision: the record of a higher term replaces it.
NEXT.update({(COMMITTED, "overrule"): REVERTED, (REVERTED, "overrule"): COMMITTED})


class IllegalMove(Exception):
    """The table has no such move. The message names stage and event."""


def move(stage: str, event: str) -> str:
    """The stage after `event`. Raises IllegalMove for what the table does not list."""
    try:
        return NEXT[stage, event]
    except KeyError:
        raise IllegalMove(f"a deployment that is {stage} cannot {event}") from None

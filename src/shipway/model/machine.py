"""Thing: one thing that a machine needs so that a user may deploy to it, and how it stands. The agent's `setup` makes them."""

from __future__ import annotations

from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Thing:
    """`thing` names what was looked at. `state` is there, made, wanted (it would be made), note or wrong (a person has to mend it).

    `says` is a sentence about it, `next` what mends it: never empty where it is wrong.
    """

    thing: str
    state: str
    says: str
    next: str = ""

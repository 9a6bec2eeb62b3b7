"""KeptSecret: one encrypted value of an environment, as far as anybody may know it."""

from __future__ import annotations

from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """`state` tells how the checkout's file stands to HEAD; `who` committed it `when` (ISO 8601), both empty where nobody has.

    `fingerprint` tells whether two values are the same, `fault` why this one cannot be opened here.
    """

    name: str
    file: str
    state: str
    who: str = ""
    when: str = ""
    fingerprint: str = ""
    fault: str = ""

"""A bound in seconds in; out, the same, or more where more programs wait for a core than this machine has time for.

Nobody is silent because we have no time to listen. For what waits for a program to start or to answer; never for what users were
promised.
"""

from __future__ import annotations

import os

KEEPS_UP = 4.0
"""Programs that wait for each core, from which on a bound grows in proportion."""

MOST_TIMES = 4.0


def patient(seconds: float) -> float:
    """The bound as it is now, at most four times `seconds`."""
    behind = os.getloadavg()[0] / (os.cpu_count() or 1) / KEEPS_UP
    return seconds * min(MOST_TIMES, max(1.0, behind))

"""A word of a person and a clock in, the time that it means out."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_AGO = re.compile(r"(\d{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def moment(words: str, now: float) -> float | None:
    """Seconds since the epoch: a time as in ISO 8601, UTC where it names no zone, or how long before `now` (90m, 2h, 3d).

    None for what is no time.
    """
    ago = _AGO.fullmatch(words)
    if ago:
        return now - int(ago.group(1)) * _SECONDS[ago.group(2)]
    if not re.match(r"\d{4}-\d\d-\d\d", words):
        return None
    try:
        found = datetime.fromisoformat(words)
    except ValueError:
        return None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()

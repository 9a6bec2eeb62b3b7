"""An error that a person would meet in, the Finding that says it before out."""

from __future__ import annotations

from shipway.model.errors import AGAIN, HostError, ShipwayError
from shipway.model.finding import Finding


def found(check: str, error: ShipwayError, again: str, host: str = "") -> Finding:
    """What `error` would stop. `again` is the command to type when it is mended, in place of the one that was not typed."""
    return Finding(check, "wrong", error.message, host, error.details, error.hint.replace(AGAIN, again))


def of_host(check: str, error: HostError, hint: str, again: str) -> Finding:
    """A host that could not be asked, or that answers no. `hint` is what its code says to type next."""
    lines = tuple(line for line in error.lines if line and line not in error.message)
    return Finding(check, "wrong", error.message, error.host, lines, hint.replace(AGAIN, again))

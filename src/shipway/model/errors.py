"""The errors a person may see. Each says what happened, what state things are in now, and the command to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

AGAIN = "the same command again"
"""In a hint, for a flow does not know how it was called: the command line puts what was typed in its place."""


class ShipwayError(Exception):
    """What happened (`message`), what state things are in (`state`), what to type next (`hint`); docs/reference/errors.md has all codes."""

    exit_code = 1
    code = "failed"

    def __init__(self, message: str, *, hint: str, state: str = "", code: str | None = None, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.state = state
        self.details = tuple(details)
        if code is not None:
            self.code = code


class Failed(ShipwayError):
    """It was tried, failed and was undone: what served before serves everywhere."""


class WrongInput(ShipwayError):
    """The command line or the configuration is wrong; nothing was touched. `details` holds one line a fault."""

    exit_code = 2
    code = "input"


class Refused(ShipwayError):
    """A gate, a lease, a dirty tree, a host key, an unreachable host: nothing was touched."""

    exit_code = 3
    code = "refused"


class Unsettled(ShipwayError):
    """Something was touched, and a host is unreachable, behind or in disagreement."""

    exit_code = 4
    code = "unsettled"


class HostError(Exception):
    """A host said no, or cannot be heard. The flow that asked turns it into a ShipwayError, for only it knows the state."""

    def __init__(self, host: str, code: str, message: str, *, lines: Sequence[str] = (), facts: dict[str, object] | None = None) -> None:
        super().__init__(f"{host}: {message}")
        self.host = host
        self.code = code
        self.message = message
        self.lines = tuple(lines)
        self.facts = facts or {}


class Unreachable(HostError):
    """No channel could be opened. Nothing was done there. Codes: unreachable, host-key, login, no-python, root."""


class LinkLost(HostError):
    """The channel broke while a call was under way: its outcome is unknown and must be read from the host."""


class Overdue(LinkLost):
    """The host did not answer within the bound of the call."""


class HostRefused(HostError):
    """The host answered no: `code` is the agent's."""


class StepFailed(HostRefused):
    """A step ended badly: `key`, the agent's `code`, what it said and the last lines of what it ran."""

    def __init__(self, host: str, failed: Mapping[str, Any], titles: Mapping[str, str]) -> None:
        key = str(failed["key"])
        super().__init__(
            host, str(failed["code"]), str(failed["message"]), lines=failed.get("lines", ()), facts=dict(failed.get("facts", {}))
        )
        self.key = key
        self.title = titles.get(key, key)


class Unrestored(HostRefused):
    """A lead that cannot go back before data is as it was, which it is not yet."""

    def __init__(self, host: str, restoring: Mapping[str, Any]) -> None:
        why, point = str(restoring["why"]), restoring["point"]
        said = f"held: the restore point {point} could not be put back: {why}" if why else f"held: {point} is not put back yet"
        super().__init__(host, "restoring", said, facts=dict(restoring))
        self.tries = int(restoring["tries"])

"""An open channel to an agent that is root in, what a machine has and what was made there out, typed."""

from __future__ import annotations

from collections.abc import Sequence

from shipway.execute.fleet import Fleet
from shipway.model.errors import HostError
from shipway.model.machine import Thing

SETUP_SECONDS = 180.0
"""Bound of making everything: a user, some files, the user's own systemd."""


async def set_up(fleet: Fleet, name: str, *, user: str, keys: Sequence[str], apply: bool, who: str) -> tuple[Thing, ...]:
    """Have one machine ready for `user`, or with `apply` false only ask. Raises HostError."""
    args = {"user": user, "keys": list(keys), "apply": apply, "who": who}
    answer = await fleet.call(name, "setup", args, timeout_seconds=SETUP_SECONDS)
    try:
        return tuple(Thing(str(one["thing"]), str(one["state"]), str(one["says"]), str(one["next"])) for one in answer["done"])
    except (KeyError, TypeError) as error:
        raise HostError(name, "facts", f"it answered what cannot be read: {error!r}") from None

"""`shipway secrets keygen`: a key of one's own, made once; its public half is what others encrypt to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from shipway.config.secrets.identities import VARIABLE, find, home, key_file, make
from shipway.flows.words import SecretsKeygenWords
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.verdict import Verdict


async def secrets_keygen(words: SecretsKeygenWords, on_event: Callable[[Event], None]) -> Verdict:
    """Nothing is replaced: where a key is, its public half is said again. Raises WrongInput where none can be made."""
    path = key_file(os.environ, home())
    others = {name: value for name, value in os.environ.items() if name != VARIABLE}
    try:
        recipient, what = make(path), "is made"
    except FileExistsError:
        there = [one for one in find(others, home()).recipients if one.startswith("age1")]
        if not there:
            raise _no_key(path, "is there, and holds no key that can be used") from None
        recipient, what = there[0], "is there already"
    except OSError as error:
        raise _no_key(path, f"cannot be written: {error.strerror}") from None
    return Verdict(
        "answer",
        0,
        f"{path} {what}; keep a copy where only you can read it. Others encrypt to {recipient}",
        f"who has access types shipway secrets recipients add ENV {recipient}; where nobody has yet, shipway secrets set ENV NAME",
        "",
        {"file": str(path), "recipient": recipient},
    )


def _no_key(path: Path, why: str) -> WrongInput:
    return WrongInput(f"{path} {why}", state="nothing was touched", hint=f"look at {path}", code="secret-key")

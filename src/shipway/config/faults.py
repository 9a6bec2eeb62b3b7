"""Places and sentences in, one error out: every fault of a file at once, each as `name:LINE: path: expectation, found …`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from shipway.config.lines import Path
from shipway.model.errors import WrongInput

SHOWN = 50
"""Faults that are listed; more are counted."""


class Fault(NamedTuple):
    """One thing that is wrong, at a path of the file."""

    line: int
    path: Path
    sentence: str

    @property
    def place(self) -> tuple[int, list[str]]:
        """What faults are ordered by."""
        return self.line, [str(part) for part in self.path]

    def text(self, name: str) -> str:
        """The line that a person reads."""
        where = f"{path_text(self.path)}: " if self.path else ""
        return f"{name}:{self.line}: {where}{self.sentence}"


def wrong(name: str, faults: Iterable[Fault]) -> WrongInput:
    """The error that lists all faults in the order of the file."""
    ordered = sorted(set(faults), key=lambda fault: (fault.place, fault.sentence))
    details = [fault.text(name) for fault in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        details.append(f"{name}: and {len(ordered) - SHOWN:,} more")
    return WrongInput(
        f"{name} has {len(ordered)} fault{'s' if len(ordered) > 1 else ''}",
        state="nothing was touched",
        hint="Correct what is listed and commit it (what is committed counts), then type the command again. "
        "docs/reference/configuration.md lists every key.",
        code="config",
        details=details,
    )


def path_text(path: Path) -> str:
    """`environment.production.hosts[1].root`; keys that are not plain are quoted, and nothing in them reaches a terminal raw."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch("[A-Za-z0-9_-]+", part) else shown(part))
    return text


def shown(value: Any, secret: bool = False) -> str:
    """A value as a person may see it: short, on one line, in ASCII (which also unmasks look-alike letters), no secret."""
    if isinstance(value, str):
        if secret:
            return f"a string of {len(value)} characters"
        return json.dumps(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number" if secret else f"{value!r}"[:60]
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "a table"
    return "a date or time"

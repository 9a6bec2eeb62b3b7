"""Verdict: how a flow ended. Every flow returns one; the command line prints it last and ends with its exit code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway_agent.record import dataclass, field

UNSWITCHED: Mapping[str, str] = {"prepare": "prepared", "restore": "restored", "migrate": "migrated"}
"""Good verdicts of what switches nothing, by the kind of its plan."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`verdict` is one of history.VERDICTS, or `answer` for a flow that only reads.

    `message` says what happened and what state things are in; `hint` is the command to type next, empty when there is none.
    `data` holds JSON values: what the flow found out (status, plan, difference, history, report), never a secret.
    """

    verdict: str
    exit_code: int
    message: str
    hint: str = ""
    deployment: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

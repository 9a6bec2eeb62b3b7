"""Verdict: how a flow ended. Every flow returns one; the command line prints it last and ends with its exit code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway_agent.record import dataclass, field


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


EXIT_CODES: Mapping[int, str] = {
    0: "done, and proved on every host",
    1: "failed, and undone: what served before serves everywhere; or the answer is no",
    2: "wrong command line or configuration; nothing was touched",
    3: "refused; nothing was touched",
    4: "not settled: something was touched and a host is unreachable, behind or in disagreement",
}

"""Loan: an earlier generation as one member has it, for another that lacks it. Holds values of the environment: never in a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway_agent.record import dataclass, field


@dataclass(frozen=True, slots=True)
class Loan:
    """Generation `number` of `lender`: its document, its environment, and the blobs of its release (digest, executable, bytes)."""

    lender: str
    number: int
    document: Mapping[str, Any]
    env: Mapping[str, Any] = field(repr=False)
    blobs: tuple[tuple[str, bool, int], ...] = ()

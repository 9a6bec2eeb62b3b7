"""Streams: what somebody types and what he is shown, between a command on a host and whoever runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Of a terminal, in characters."""

    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Terminal:
    """What a command is to have; `kind` is the value of TERM."""

    size: Size
    kind: str


class Streams(Protocol):
    """`terminal` is None where the command shall have none: its output is then two streams."""

    terminal: Terminal | None

    def typed(self) -> AsyncIterator[bytes | Size]:
        """Bytes as they are typed, and each new size of the terminal; ends where what is typed ends."""
        ...

    async def show(self, stream: int, data: bytes) -> None:
        """Returns once it has been taken: 1 is stdout, 2 is stderr."""
        ...

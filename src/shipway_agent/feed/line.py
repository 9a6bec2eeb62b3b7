"""What two hosts say over one TLS connection: a question is a line of JSON, an answer a line of JSON and the bytes that it announces.

Question {"since": count of what the giver has told already, "wait": seconds to wait for more, "give": digest or null}.
Answer {"have": digests that came since, "busy": true for "not now", "bytes": of the parcel that follows}.
"""

from __future__ import annotations

from shipway_agent import json_text as json
from shipway_agent.record import dataclass
from shipway_agent.typed import IO, Any, Dict, Optional, Tuple

LINE_BYTES = 64 * 1024

TOLD = 500
"""Digests in one answer."""

PART_BYTES = 256 * 1024


class Nonsense(Exception):
    """The other end does not speak as it should."""


@dataclass(frozen=True)
class Question:
    """`since`, `wait` (seconds) and `give` of a question."""

    since: int
    wait: float
    give: Optional[str]

    def to_bytes(self) -> bytes:
        return _line({"since": self.since, "wait": self.wait, "give": self.give})

    @classmethod
    def read(cls, stream: IO[bytes]) -> Optional[Question]:
        """The next one, None at the end. Raises Nonsense."""
        said = _read(stream)
        if said is None:
            return None
        try:
            give = said["give"]
            return cls(max(0, int(said["since"])), min(10.0, max(0.0, float(said["wait"]))), None if give is None else str(give))
        except (KeyError, TypeError, ValueError):
            raise Nonsense("no question") from None


@dataclass(frozen=True)
class Answer:
    """`have`, `busy` and `size` (bytes) of an answer."""

    have: Tuple[str, ...]
    busy: bool
    size: int

    def to_bytes(self) -> bytes:
        return _line({"have": list(self.have), "busy": self.busy, "bytes": self.size})

    @classmethod
    def read(cls, stream: IO[bytes]) -> Optional[Answer]:
        """The next one, None at the end. Raises Nonsense."""
        said = _read(stream)
        if said is None:
            return None
        try:
            have = tuple(str(digest) for digest in list(said["have"])[:TOLD])
            return cls(have, bool(said["busy"]), max(0, int(said["bytes"])))
        except (KeyError, TypeError, ValueError):
            raise Nonsense("no answer") from None


def _line(value: Dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _read(stream: IO[bytes]) -> Optional[Dict[str, Any]]:
    line = stream.readline(LINE_BYTES)
    if not line:
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise Nonsense("no JSON") from None
    if not isinstance(value, dict):
        raise Nonsense("no object")
    return value

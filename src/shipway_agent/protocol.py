"""Values in, frames out, and back: the one form in which operator and agent speak. Both ends import this file.

A frame is a head of nine bytes (length of the payload, kind, number of the request) and the payload: JSON, or raw bytes of a body. JSON is
packed: what was said before on the same channel in the same direction need not be said again.
"""

from __future__ import annotations

import struct
import zlib

from shipway_agent import json_text as json
from shipway_agent.spoken import SPOKEN
from shipway_agent.typed import Any, BinaryIO, Dict, Mapping, NamedTuple, NoReturn, Optional

REQUEST, EVENT, ANSWER, REFUSAL, BODY = 1, 2, 3, 4, 5
OF_JSON = (REQUEST, EVENT, ANSWER, REFUSAL)

PACKED = 0x80
"""Added to the kind of a frame whose JSON is packed."""

HEAD = struct.Struct(">IBI")

MAX_JSON_BYTES = 16 << 20
MAX_BODY_BYTES = 1 << 20

WINDOW_BITS = 14
MEMORY_LEVEL = 7
"""What packing one direction takes: 128 KiB here and 24 KiB there."""

FLUSHED = b"\0\0\xff\xff"
"""What ends each packed payload, and is left out."""

START = b"SHIPWAY 1 "
"""What the first line of an agent begins with; its own hash follows."""


class ProtocolError(Exception):
    """The other end does not speak this protocol, or lies. Nothing that follows on this channel can be trusted."""


class Head(NamedTuple):
    """What a frame announces."""

    length: int
    kind: int
    number: int


class Frame(NamedTuple):
    """One whole frame."""

    kind: int
    number: int
    payload: bytes


def pack(kind: int, number: int, payload: bytes) -> bytes:
    """The bytes of one frame. Raises ProtocolError where the payload is longer than its kind allows."""
    _bounded(kind, len(payload))
    return HEAD.pack(len(payload), kind, number) + payload


def pack_json(kind: int, number: int, value: Mapping[str, Any]) -> bytes:
    """The bytes of one frame of JSON. Raises ProtocolError where it is too long."""
    return pack(kind, number, json.dumps(value, separators=(",", ":")).encode())


def head(data: bytes) -> Head:
    """What nine bytes announce. Raises ProtocolError for an unknown kind or a length beyond the bound of its kind."""
    length, kind, number = HEAD.unpack(data)
    _bounded(kind, length)
    return Head(length, kind, number)


class Packing:
    """One direction of a channel, at the end that sends. Frames must leave in the order in which they are packed."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, SPOKEN)

    def frame(self, frame: bytes) -> bytes:
        """A frame as it travels: packed, or as it is where it is part of a body."""
        _, kind, number = HEAD.unpack(frame[: HEAD.size])
        if kind not in OF_JSON:
            return frame
        packed = self._deflate.compress(frame[HEAD.size :]) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return HEAD.pack(len(packed) - len(FLUSHED), kind | PACKED, number) + packed[: -len(FLUSHED)]


class Unpacking:
    """One direction of a channel, at the end that hears. Every frame must pass through it, in order."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(-WINDOW_BITS, SPOKEN)

    def frame(self, frame: Frame) -> Frame:
        """The frame as it was before it was packed. Raises ProtocolError, also for more than MAX_JSON_BYTES, which are not unpacked."""
        if not frame.kind & PACKED:
            return frame
        try:
            payload = self._inflate.decompress(frame.payload + FLUSHED, MAX_JSON_BYTES + 1)
        except zlib.error as error:
            raise ProtocolError(f"a frame that should be packed is not: {error}") from None
        if len(payload) > MAX_JSON_BYTES or self._inflate.eof:
            raise ProtocolError(f"a frame that unpacks to more than {MAX_JSON_BYTES:,} bytes, or ends the channel")
        return Frame(frame.kind & ~PACKED, frame.number, payload)


def load(payload: bytes) -> Dict[str, Any]:
    """The object in a JSON payload. Raises ProtocolError for anything else."""
    try:
        value = json.loads(payload, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a frame that should hold JSON does not: {error}") from None
    if not isinstance(value, dict):
        raise ProtocolError(f"a frame that should hold an object holds a {type(value).__name__}")
    return value


def read_frame(stream: BinaryIO) -> Optional[Frame]:
    """The next frame of a blocking stream, None at its end. Raises ProtocolError, also for an end inside a frame."""
    first = read_exactly(stream, HEAD.size)
    if not first:
        return None
    if len(first) < HEAD.size:
        raise ProtocolError("the channel ended inside a frame")
    length, kind, number = head(first)
    payload = read_exactly(stream, length)
    if len(payload) < length:
        raise ProtocolError("the channel ended inside a frame")
    return Frame(kind, number, payload)


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """`size` bytes of a blocking stream, fewer only at its end."""
    parts = []
    while size > 0:
        part = stream.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _bounded(kind: int, length: int) -> None:
    if kind != BODY and kind & ~PACKED not in OF_JSON:
        raise ProtocolError(f"a frame of unknown kind {kind}")
    bound = MAX_BODY_BYTES if kind == BODY else MAX_JSON_BYTES
    if length > bound:
        raise ProtocolError(f"a frame of {length:,} bytes, where at most {bound:,} are allowed")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")

"""Contents in, parcels out: the bytes that travel, made once for all hosts that lack the same. Pure; the agent's parcel.py reads them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from shipway.release.delta import added_bytes, delta
from shipway_agent.parcel import EXECUTABLE, FROM_EXECUTABLE, MADE, MOST_BYTES, MOST_PIECE_BYTES, ORDER, PIECE, RAW, ZLIB, Copy, Part
from shipway_agent.record import dataclass

ENOUGH_BYTES = MOST_BYTES - MOST_PIECE_BYTES - (128 << 10)
"""A parcel of so many packed bytes gets no further piece: with one it could be too long, for a packer holds back what it has."""

LEVEL = 6

LEAST_DELTA_BYTES = 512
"""A smaller content travels whole."""

DELTA_SHARE = 0.5
"""A delta that brings more than this part of the content is none: packed, the whole is hardly longer, and it needs nothing else."""


@dataclass(frozen=True, slots=True)
class Content:
    """A blob, and an earlier one that hosts have and that it may be made from."""

    digest: str
    executable: bool
    data: bytes
    earlier: Content | None = None


def parcels(contents: Iterable[Content], packing: bytes = ZLIB) -> Iterator[bytes]:
    """The parcels that bring these contents, each at most MOST_BYTES. The same contents make the same parcels."""
    parcel = _Parcel(packing)
    for content in contents:
        for piece in _pieces(content):
            if parcel.size >= ENOUGH_BYTES:
                yield parcel.end()
                parcel = _Parcel(packing)
            parcel.add(piece)
    if not parcel.empty:
        yield parcel.end()


def _pieces(content: Content) -> Iterator[bytes]:
    """Heads and content of the pieces of one blob."""
    earlier, data = content.earlier, content.data
    flags, source, parts = EXECUTABLE if content.executable else 0, b"", [data] if data else []
    if earlier is not None and len(data) >= LEAST_DELTA_BYTES:
        made = delta(earlier.data, data)
        if added_bytes(made) <= len(data) * DELTA_SHARE:
            flags |= MADE | (FROM_EXECUTABLE if earlier.executable else 0)
            source = bytes.fromhex(earlier.digest)
            yield from _cut(content, flags, source, made)
            return
    yield from _cut(content, flags, source, parts)


def _cut(content: Content, flags: int, source: bytes, parts: Iterable[Part]) -> Iterator[bytes]:
    """Parts in pieces, none of which has more than MOST_PIECE_BYTES of content."""
    digest, size = bytes.fromhex(content.digest), len(content.data)
    begun = length = held = 0
    orders: list[bytes] = []
    copied: Copy | None = None
    for part in _small(parts):
        added = len(part) if isinstance(part, bytes) else ORDER.size
        if held + added > MOST_PIECE_BYTES:
            yield PIECE.pack(flags, digest, size, begun, length) + source + b"".join(orders)
            begun, length, held, orders, copied = begun + length, 0, 0, [], None
        if not isinstance(part, bytes):
            copied = part
            orders.append(ORDER.pack(*copied, 0))
            length += part[1]
            held += added
            continue
        if source and copied is not None:
            orders[-1] = ORDER.pack(*copied, len(part))
        elif source:
            orders.append(ORDER.pack(0, 0, len(part)))
        orders.append(part)
        copied = None
        length += len(part)
        held += added
    yield PIECE.pack(flags, digest, size, begun, length) + source + b"".join(orders)


def _small(parts: Iterable[Part]) -> Iterator[Part]:
    """The same, with what is new cut to pieces."""
    for part in parts:
        if isinstance(part, bytes) and len(part) > MOST_PIECE_BYTES:
            yield from (part[at : at + MOST_PIECE_BYTES] for at in range(0, len(part), MOST_PIECE_BYTES))
        else:
            yield part


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Raw:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


class _Parcel:
    """One that is being filled."""

    def __init__(self, packing: bytes) -> None:
        self._packer: _Packer = _Raw() if packing == RAW else zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._parts = [packing]
        self.size = 0
        self.empty = True

    def add(self, piece: bytes) -> None:
        part = self._packer.compress(piece)
        self._parts.append(part)
        self.size += len(part)
        self.empty = False

    def end(self) -> bytes:
        return b"".join([*self._parts, self._packer.flush()])

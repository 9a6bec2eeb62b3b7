"""Pieces of blobs in, a parcel out; and a blob's content in, its pieces out. Both ends import it: the same contents make the same bytes.

What makes a blob from another one is the operator's alone (shipway/release/parcels.py).
"""

from __future__ import annotations

import zlib

from shipway_agent.parcel import EXECUTABLE, MOST_BYTES, MOST_PIECE_BYTES, PIECE, RAW
from shipway_agent.typed import Iterable, Iterator, List

ENOUGH_BYTES = MOST_BYTES - MOST_PIECE_BYTES - (128 << 10)
"""A parcel of so many packed bytes gets no further piece: with one it could be too long, for a packer holds back what it has."""

LEVEL = 6


class Parcel:
    """One that is being filled."""

    def __init__(self, packing: bytes) -> None:
        self._packer = None if packing == RAW else zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._parts: List[bytes] = [packing]
        self.size = 0
        self.empty = True

    def add(self, piece: bytes) -> None:
        """Take one piece more."""
        part = piece if self._packer is None else self._packer.compress(piece)
        self._parts.append(part)
        self.size += len(part)
        self.empty = False

    def end(self) -> bytes:
        """Its bytes; nothing is added then."""
        return b"".join(self._parts if self._packer is None else [*self._parts, self._packer.flush()])


def fill(pieces: Iterable[bytes], packing: bytes) -> Iterator[bytes]:
    """The parcels that these pieces make, each at most MOST_BYTES."""
    parcel = Parcel(packing)
    for piece in pieces:
        if parcel.size >= ENOUGH_BYTES:
            yield parcel.end()
            parcel = Parcel(packing)
        parcel.add(piece)
    if not parcel.empty:
        yield parcel.end()


def whole(digest: str, executable: bool, data: bytes) -> Iterator[bytes]:
    """The pieces of a blob that travels as it is."""
    flags, name, size = EXECUTABLE if executable else 0, bytes.fromhex(digest), len(data)
    for at in range(0, max(1, size), MOST_PIECE_BYTES):
        part = data[at : at + MOST_PIECE_BYTES]
        yield PIECE.pack(flags, name, size, at, len(part)) + part

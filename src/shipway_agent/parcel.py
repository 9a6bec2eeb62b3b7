"""The bytes of a parcel in, the pieces of blobs in it out. Both ends import this file; `shipway/release/parcels.py` makes what it reads.

A parcel is one byte that says how the rest is packed, and then pieces. A piece is a head (which blob, how long it is, which part of it
this is) and its content; or, where it is made from another blob, that one's name and orders: so many bytes to be copied from there, so
many that follow.
"""

from __future__ import annotations

import struct
import zlib

from shipway_agent.blake import blake2b
from shipway_agent.errors import AgentError
from shipway_agent.typed import Iterator, List, NamedTuple, Tuple, Union

MOST_BYTES = 1 << 20
"""Bytes of a whole parcel."""

MOST_PIECE_BYTES = 256 << 10
"""Bytes of content in one piece; what is copied from another blob does not count."""

AT_ONCE_BYTES = 128 << 10
"""What is unpacked in one go."""

PACKED_AT_ONCE_BYTES = 32 << 10
"""What is given to be unpacked in one go: what is left of it is copied each time."""

RAW, ZLIB = b"-", b"z"
"""What the first byte of a parcel says. Packed is a bare deflate stream: the parcel's own name is its check."""

EXECUTABLE, MADE, FROM_EXECUTABLE = 1, 2, 4
"""Flags of a piece: the blob is executable; it is made from another one; that one is executable."""

PIECE = struct.Struct(">B32sQQQ")
"""Flags; digest and size of the blob; offset and length of this part of it."""

SOURCE_BYTES = 32
"""The digest of that other blob."""

ORDER = struct.Struct(">QQI")
"""Offset and length of what is copied; length of the content that follows it."""

RECORD = struct.Struct(">32sI")
"""What comes before each parcel in the body of a call: its name, and its length, or 0 for one that the host has kept."""

Copy = Tuple[int, int]
Part = Union[bytes, Copy]
"""Content, or offset and length of what is to be copied."""


class Piece(NamedTuple):
    """`length` bytes of a blob from `offset` on, as the sum of `parts`. `source` is the blob (digest, executable) that they copy from."""

    digest: str
    executable: bool
    size: int
    offset: int
    length: int
    source: Tuple[str, bool]
    parts: List[Part]


def name_of(data: bytes) -> str:
    """The name of a parcel: the digest of its bytes."""
    return blake2b(data, digest_size=32).hexdigest()


def pieces(data: bytes) -> Iterator[Piece]:
    """The pieces of a parcel, in order, unpacked one at a time. Raises AgentError `parcel` for bytes that are none."""
    content = _Content(data)
    while content.more():
        flags, digest, size, offset, length = PIECE.unpack(content.take(PIECE.size))
        if offset + length > size:
            raise damaged(f"a piece of {length} bytes at {offset} of a blob of {size}")
        source: Tuple[str, bool] = ("", False)
        parts: List[Part]
        if flags & MADE:
            source = content.take(SOURCE_BYTES).hex(), bool(flags & FROM_EXECUTABLE)
            parts = list(_orders(content, length))
        else:
            parts = [content.take(length)]
        yield Piece(digest.hex(), bool(flags & EXECUTABLE), size, offset, length, source, parts)


def damaged(why: str) -> AgentError:
    """The refusal of a parcel that is none."""
    return AgentError("parcel", f"the parcel is damaged: {why}; nothing of it was kept")


def _orders(content: _Content, length: int) -> Iterator[Part]:
    while length > 0:
        start, copied, added = ORDER.unpack(content.take(ORDER.size))
        length -= copied + added
        if length < 0 or copied + added == 0:
            raise damaged("its orders do not add up")
        if copied:
            yield start, copied
        if added:
            yield content.take(added)


class _Content:
    """The unpacked rest of a parcel, of which not much more is unpacked than is asked for."""

    def __init__(self, data: bytes) -> None:
        if data[:1] not in (RAW, ZLIB):
            raise damaged(f"it is packed as {data[:1]!r}")
        self._unpacking = zlib.decompressobj(-zlib.MAX_WBITS) if data[:1] == ZLIB else None
        self._packed, self._given = memoryview(data), 1
        self._here, self._at = (b"", 0) if self._unpacking is not None else (data, 1)

    def take(self, size: int) -> bytes:
        """The next bytes, exactly so many."""
        if size > MOST_PIECE_BYTES:
            raise damaged(f"a piece with {size} bytes of content")
        while len(self._here) - self._at < size and self._fill():
            pass
        taken = self._here[self._at : self._at + size]
        self._at += size
        if len(taken) < size:
            raise damaged(f"it ends {size - len(taken)} bytes early")
        return taken

    def more(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._here) or self._fill()

    def _fill(self) -> bool:
        unpacking = self._unpacking
        while unpacking is not None and not unpacking.eof:
            packed: Union[bytes, memoryview] = unpacking.unconsumed_tail
            if not packed:
                packed = self._packed[self._given : self._given + PACKED_AT_ONCE_BYTES]
                self._given += len(packed)
            try:
                part = unpacking.decompress(packed, AT_ONCE_BYTES)
            except zlib.error as error:
                raise damaged(str(error)) from None
            if part:
                self._here, self._at = self._here[self._at :] + part, 0
                return True
            if not packed and not unpacking.eof:
                raise damaged("its end is missing")
        return False

"""Contents in, parcels out: the bytes that travel, made once for all hosts that lack the same. Pure; the agent's parcel.py reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shipway.release.delta import added_bytes, delta
from shipway_agent.packer import fill, whole
from shipway_agent.parcel import EXECUTABLE, FROM_EXECUTABLE, MADE, MOST_PIECE_BYTES, ORDER, PIECE, ZLIB, Copy, Part
from shipway_agent.record import dataclass

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
    return fill((piece for content in contents for piece in _pieces(content)), packing)


def _pieces(content: Content) -> Iterator[bytes]:
    """Heads and content of the pieces of one blob."""
    earlier, data = content.earlier, content.data
    if earlier is not None and len(data) >= LEAST_DELTA_BYTES:
        made = delta(earlier.data, data)
        if added_bytes(made) <= len(data) * DELTA_SHARE:
            flags = MADE | (EXECUTABLE if content.executable else 0) | (FROM_EXECUTABLE if earlier.executable else 0)
            yield from _cut(content, flags, bytes.fromhex(earlier.digest), made)
            return
    yield from whole(content.digest, content.executable, data)


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
        if copied is not None:
            orders[-1] = ORDER.pack(*copied, len(part))
        else:
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

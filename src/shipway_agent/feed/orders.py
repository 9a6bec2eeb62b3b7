"""The body of a feeding in, what the operator says in it out: parcels of its own, and where the other hosts listen.

A record is its kind, its length and so many bytes: `w`, digests and sizes of parcels that are to come; `e`, that was all of them; `c`, the
digest and the content of one; `p`, JSON [[number, [address…]]…]; `s`, digest and executable of blobs of this host, which it is to pack.
"""

from __future__ import annotations

import struct
from itertools import islice

from shipway_agent import json_text as json
from shipway_agent.errors import AgentError
from shipway_agent.record import dataclass
from shipway_agent.typed import Iterable, Iterator, List, Tuple, Union

HEAD = struct.Struct(">cI")
WANT, END, CONTENT, PEERS, STOCK = b"w", b"e", b"c", b"p", b"s"
PARCEL = struct.Struct(">32sI")
BLOB = struct.Struct(">32s?")
DIGEST_BYTES = 32

MOST_BYTES = 8 << 20
"""Of one record: far more than any parcel, and than the addresses of ten thousand hosts."""


@dataclass(frozen=True)
class Content:
    """A parcel, as it came: whoever keeps it compares it with its digest."""

    digest: str
    data: bytes


@dataclass(frozen=True)
class Peers:
    """Other hosts by number, each with the addresses to try."""

    addresses: Tuple[Tuple[str, Tuple[str, ...]], ...]


@dataclass(frozen=True)
class Want:
    """Parcels that are to be had, with their bytes; more may follow until `last`."""

    parcels: Tuple[Tuple[str, int], ...]
    last: bool


@dataclass(frozen=True)
class Stock:
    """Blobs of a build host (digest, executable), in the order in which the operator packs them."""

    blobs: Tuple[Tuple[str, bool], ...]


Order = Union[Want, Content, Peers, Stock]


def want(parcels: Iterable[Tuple[str, int]]) -> bytes:
    """A record that names parcels."""
    data = b"".join(PARCEL.pack(bytes.fromhex(digest), size) for digest, size in parcels)
    return HEAD.pack(WANT, len(data)) + data


def end() -> bytes:
    """The record that says: no more parcels will be named."""
    return HEAD.pack(END, 0)


def content(digest: str, data: bytes) -> List[bytes]:
    """The parts of a record that brings a parcel."""
    return [HEAD.pack(CONTENT, DIGEST_BYTES + len(data)) + bytes.fromhex(digest), data]


def peers(addresses: Iterable[Tuple[str, Iterable[str]]]) -> bytes:
    """A record that names other hosts."""
    data = json.dumps([[number, list(where)] for number, where in addresses], separators=(",", ":")).encode()
    return HEAD.pack(PEERS, len(data)) + data


def stock(blobs: Iterable[Tuple[str, bool]]) -> bytes:
    """A record that says what is to be packed there: of very many, as many as a record has room for."""
    data = b"".join(BLOB.pack(bytes.fromhex(digest), executable) for digest, executable in islice(blobs, MOST_BYTES // BLOB.size))
    return HEAD.pack(STOCK, len(data)) + data


def read(body: Iterable[bytes]) -> Iterator[Order]:
    """The records of a body, each as soon as it is there. Raises AgentError `feed` for anything else, and `cut`."""
    stream = _Stream(body)
    while True:
        head = stream.take(HEAD.size)
        if not head:
            return
        kind, size = HEAD.unpack(head) if len(head) == HEAD.size else (b"", 0)
        if kind not in (WANT, END, CONTENT, PEERS, STOCK) or size > MOST_BYTES:
            raise AgentError("feed", f"a record of kind {kind!r} with {size} bytes; operator and agent are of different versions")
        data = stream.take(size)
        if len(data) < size:
            raise AgentError("feed", "the body ended in the middle of a record")
        if kind == CONTENT:
            yield Content(data[:DIGEST_BYTES].hex(), data[DIGEST_BYTES:])
        elif kind == PEERS:
            yield Peers(_addresses(data))
        elif kind == STOCK:
            yield Stock(_blobs(data))
        else:
            yield Want(_parcels(data), kind == END)


def _parcels(data: bytes) -> Tuple[Tuple[str, int], ...]:
    if len(data) % PARCEL.size:
        raise AgentError("feed", "a record that should name parcels does not")
    return tuple((digest.hex(), size) for digest, size in PARCEL.iter_unpack(data))


def _blobs(data: bytes) -> Tuple[Tuple[str, bool], ...]:
    if len(data) % BLOB.size:
        raise AgentError("feed", "a record that should name blobs does not")
    return tuple((digest.hex(), executable) for digest, executable in BLOB.iter_unpack(data))


def _addresses(data: bytes) -> Tuple[Tuple[str, Tuple[str, ...]], ...]:
    try:
        return tuple((str(number), tuple(str(one) for one in where)) for number, where in json.loads(data))
    except (ValueError, TypeError):
        raise AgentError("feed", "a record that should name other hosts does not") from None


class _Stream:
    """Parts of any size, handed out in sizes that are asked for; fewer bytes only at the end."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = iter(body)
        self._rest = b""

    def take(self, size: int) -> bytes:
        parts, left = [self._rest], size - len(self._rest)
        while left > 0:
            part = next(self._body, b"")
            if not part:
                break
            parts.append(part)
            left -= len(part)
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]

"""Contents become parcels, and parcels the same contents, whatever they are made from."""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.release.parcels import Content, parcels
from shipway_agent.manifest import digest
from shipway_agent.parcel import MOST_BYTES, RAW, ZLIB, pieces

RANDOM = random.Random(3)


def content(data: bytes, was: bytes | None = None, executable: bool = False) -> Content:
    return Content(digest(data), executable, data, None if was is None else Content(digest(was), False, was))


def unpacked(made: Iterable[bytes], *there: bytes) -> dict[str, bytes]:
    """What a host that has `there` makes of parcels, by the rules of the format alone."""
    have = {digest(data): data for data in there}
    found: dict[str, bytes] = {}
    for parcel in made:
        assert len(parcel) <= MOST_BYTES
        for piece in pieces(parcel):
            before = found.get(piece.digest, b"") if piece.offset else b""
            assert len(before) == piece.offset
            source = have[piece.source[0]] if piece.source[0] else b""
            parts = [part if isinstance(part, bytes) else source[part[0] : sum(part)] for part in piece.parts]
            found[piece.digest] = before + b"".join(parts)
            assert len(found[piece.digest]) == piece.offset + piece.length
    assert all(digest(data) == name for name, data in found.items())
    return found


SOME = st.binary(max_size=2000) | st.binary(min_size=1, max_size=9).map(lambda part: part * 400)
PAIR = st.tuples(SOME, st.none() | SOME | st.just(b"same"), st.booleans())


@settings(max_examples=100, deadline=None)
@given(st.lists(PAIR, max_size=6), st.sampled_from([RAW, ZLIB]))
def test_what_is_packed_comes_out_again(some: list[tuple[bytes, bytes | None, bool]], packing: bytes) -> None:
    there = [was for _, was, _ in some if was is not None]
    wanted = {digest(data): data for data, _, _ in some}
    made = parcels([content(data, was, executable) for data, was, executable in some], packing)
    assert unpacked(made, *there) == wanted


def test_large_contents_go_over_many_parcels_and_small_ones_share_one() -> None:
    large = RANDOM.randbytes(3_000_000)
    small = [RANDOM.randbytes(50) for _ in range(300)]
    made = list(parcels([content(large), *map(content, small)]))
    assert 4 <= len(made) <= 6
    assert unpacked(made) == {digest(data): data for data in (large, *small)}
    assert list(parcels([content(large), *map(content, small)])) == made, "made again they are the same, so what a host has kept counts"


def test_a_large_content_with_many_changes_is_still_a_delta() -> None:
    was = RANDOM.randbytes(2_000_000)
    now = b"".join(was[at : at + 4000] + RANDOM.randbytes(1000) for at in range(0, len(was), 5000))
    made = list(parcels([content(now, was)]))
    assert sum(map(len, made)) < 0.25 * len(now)
    assert unpacked(made, was) == {digest(now): now}


def test_one_kilobyte_changed_in_twenty_megabytes_takes_fewer_bytes_than_any_signature_of_it() -> None:
    """rsync would have to hear at least a checksum of each of its 4,472-byte blocks: 5 bytes a block, 22 kB."""
    was = RANDOM.randbytes(20_000_000)
    now = was[:7_000_000] + RANDOM.randbytes(1024) + was[7_001_024:]
    (made,) = parcels([content(now, was)])
    assert len(made) < 1024 + 150
    assert hashlib.blake2b(unpacked([made], was)[digest(now)]).digest() == hashlib.blake2b(now).digest()


def test_an_earlier_content_that_is_another_one_altogether_is_not_used() -> None:
    data, was = RANDOM.randbytes(5000), RANDOM.randbytes(5000)
    (made,) = parcels([content(data, was)])
    assert unpacked([made]) == {digest(data): data}


@pytest.mark.parametrize("data", [b"a" * 100_000, b"line of text, again and again\n" * 9000])
def test_packed_is_short(data: bytes) -> None:
    (made,) = parcels([content(data)])
    assert len(made) < len(zlib.compress(data)) + 150


def test_an_empty_content_travels_too() -> None:
    (made,) = parcels([content(b"")])
    assert unpacked([made]) == {digest(b""): b""}
    assert list(parcels([])) == []

"""What differs between two contents, exact whatever they are, and short where they are alike."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.release.delta import added_bytes, delta
from shipway_agent.parcel import ORDER, Part

WORDS = st.lists(st.sampled_from([b"a" * 40, b"the quick brown fox jumps over", b"\0" * 300, b"xyz", bytes(range(256))]), max_size=12)
RANDOM = random.Random(7)
OLD = RANDOM.randbytes(200_000)


def made(old: bytes, parts: list[Part]) -> bytes:
    return b"".join(part if isinstance(part, bytes) else old[part[0] : part[0] + part[1]] for part in parts)


@settings(max_examples=300, deadline=None)
@given(WORDS.map(b"".join) | st.binary(max_size=400), WORDS.map(b"".join) | st.binary(max_size=400))
def test_the_parts_make_exactly_what_is_wanted(old: bytes, new: bytes) -> None:
    assert made(old, delta(old, new)) == new


@pytest.mark.parametrize(
    ("new", "fresh"),
    [
        (OLD, 0),
        (OLD + b"changed\n", 8),
        (b"#!/bin/sh\n" + OLD, 10),
        (OLD[:70_000] + RANDOM.randbytes(1024) + OLD[71_024:], 1024),
        (OLD[:70_000] + b"between" + OLD[70_000:], 7),
        (OLD[:70_000] + OLD[90_000:], 0),
        (OLD[120_000:] + OLD[:120_000], 0),
        (OLD + OLD, 0),
        (OLD[:50_000] + b"1" + OLD[50_001:90_000] + b"22" + OLD[90_002:150_000] + b"333" + OLD[150_000:], 6),
        (b"", 0),
    ],
    ids=["same", "appended", "in front", "replaced", "inserted", "removed", "moved", "twice", "three edits", "emptied"],
)
def test_only_what_is_new_is_brought(new: bytes, fresh: int) -> None:
    parts = delta(OLD, new)
    assert made(OLD, parts) == new
    assert sum(len(part) for part in parts if isinstance(part, bytes)) <= fresh + 2
    assert added_bytes(parts) <= fresh + 2 + 7 * ORDER.size


def test_what_has_nothing_in_common_is_all_new() -> None:
    new = RANDOM.randbytes(100_000)
    assert delta(OLD, new) == [new]
    assert delta(b"", new) == [new]

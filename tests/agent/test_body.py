"""Parts of a body on their way from the thread that reads to the one that answers."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent.body import WAITING_BYTES, Body
from shipway_agent.errors import AgentError


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=10))
def test_parts_come_out_in_order_and_end_with_the_empty_one(parts: list[bytes]) -> None:
    body = Body()
    for part in (*parts, b"", b"after the end"):
        body.feed(part)
    assert list(body) == parts


def test_a_channel_that_ends_first_is_an_error_after_what_had_arrived() -> None:
    body = Body()
    body.feed(b"one")
    body.cut()
    parts = iter(body)
    assert next(parts) == b"one"
    with pytest.raises(AgentError) as caught:
        next(parts)
    assert caught.value.code == "cut"


def test_a_slow_reader_holds_the_writer_back_and_no_memory_grows() -> None:
    body, fed = Body(), []

    def write() -> None:
        for _ in range(20):
            body.feed(b"x" * (1 << 20))
            fed.append(1)
        body.feed(b"")

    writer = threading.Thread(target=write)
    writer.start()
    parts = iter(body)
    next(parts)
    most = 1 + WAITING_BYTES // (1 << 20) + 2
    assert len(fed) <= most
    assert sum(1 for _ in parts) == 19
    writer.join(30)
    assert len(fed) == 20


def test_whoever_has_had_enough_frees_the_writer() -> None:
    body = Body()

    def write() -> None:
        for _ in range(20):
            body.feed(b"x" * (1 << 20))

    writer = threading.Thread(target=write)
    writer.start()
    body.drop()
    writer.join(30)
    assert not writer.is_alive()

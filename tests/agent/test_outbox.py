"""Frames on their way out: in order, and nobody waits for a reader that is slow or gone."""

from __future__ import annotations

import os
import select
import time

import pytest

from shipway_agent.outbox import OFFERED_BYTES, Outbox


def test_frames_leave_in_order() -> None:
    reading, writing = os.pipe()
    outbox = Outbox(writing)
    for number in range(100):
        (outbox.send if number % 2 else outbox.offer)(b"%d\n" % number)
    outbox.close(30)
    os.close(writing)
    with open(reading, "rb") as stream:
        assert stream.read() == b"".join(b"%d\n" % number for number in range(100))


def test_a_reader_that_does_not_read_costs_what_was_offered_and_never_what_was_sent() -> None:
    reading, writing = os.pipe()
    outbox = Outbox(writing)
    began = time.monotonic()
    taken = sum(outbox.offer(b"o" * 10_000) for _ in range(1000))
    outbox.send(b"the answer")
    assert time.monotonic() - began < 10
    assert taken * 10_000 <= OFFERED_BYTES + 200_000
    outbox.close(0.1)
    with open(reading, "rb") as stream:
        data = stream.read(taken * 10_000 + len(b"the answer"))
    assert data.endswith(b"the answer")
    outbox.close(30)
    os.close(writing)


def test_a_reader_that_is_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    outbox = Outbox(writing)
    for _ in range(100):
        outbox.send(b"x" * 1000)
    outbox.close(30)
    os.close(writing)


def test_an_answer_overtakes_what_was_told_before_it_and_none_of_its_like() -> None:
    reading, writing = os.pipe()
    outbox = Outbox(writing)
    outbox.send(b"." * 1_000_000)  # more than the pipe takes
    assert select.select([reading], [], [], 30)[0]  # it is on its way: from here on all others wait
    for number in range(3):
        outbox.offer(b"told %d\n" % number)
    outbox.send(b"one\n", ahead=True)
    outbox.send(b"two\n", ahead=True)
    with open(reading, "rb") as stream:
        assert stream.read(1_000_000 + 29).lstrip(b".").split() == [b"one", b"two", b"told", b"0", b"told", b"1", b"told", b"2"]
    outbox.close(30)
    os.close(writing)


def test_what_is_only_told_leaves_with_the_answer_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write is a packet on its way, and one back."""
    monkeypatch.setattr("shipway_agent.outbox.SOON_SECONDS", 600.0)
    reading, writing = os.pipe2(os.O_DIRECT)  # keeps writes apart
    outbox = Outbox(writing)
    told = [b"step %d\n" % number for number in range(5)]
    for frame in told:
        outbox.send(frame, soon=True)
    outbox.send(b"answer\n")
    assert os.read(reading, 1000) == b"".join(told) + b"answer\n"
    outbox.send(told[0], soon=True)
    outbox.send(b"renewed\n", ahead=True)
    assert os.read(reading, 1000) == b"renewed\n" + told[0]
    outbox.send(told[1], soon=True)
    outbox.close(30)
    assert os.read(reading, 1000) == told[1]
    os.close(reading)
    os.close(writing)


def test_what_has_no_company_leaves_by_itself() -> None:
    reading, writing = os.pipe()
    outbox = Outbox(writing)
    outbox.send(b"alone\n", soon=True)
    assert os.read(reading, 1000) == b"alone\n"
    outbox.close(30)
    os.close(reading)
    os.close(writing)

"""What a task writes: shown while it is little, and its end kept however much it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shipway_agent.output import LONGEST_LINE, SHOWN_BYTES, SHOWN_LINES, TAIL_BYTES, Output
from shipway_agent.text import MAX_LINE

LINE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


@given(st.lists(LINE, max_size=10), st.integers(1, 50))
def test_lines_are_shown_one_by_one_however_the_bytes_are_cut(lines: list[str], size: int) -> None:
    shown: list[str] = []
    output = Output(shown.append)
    data = "\n".join(lines).encode()
    for start in range(0, len(data), size):
        output.feed(data[start : start + size])
    assert output.end(20) == lines[-20:]
    assert shown == lines


def test_beyond_its_bound_nothing_is_shown_and_the_end_is_still_known() -> None:
    shown: list[str] = []
    output = Output(shown.append)
    for _ in range(40):
        output.feed(b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * 999)
    output.feed(b"the end\n")
    assert output.end(1) == ["the end"]
    assert sum(len(line) + 1 for line in shown) <= SHOWN_BYTES + 100_000
    assert output.unseen_bytes > 2_000_000


def test_an_endless_line_is_shown_by_its_beginning_and_once() -> None:
    shown: list[str] = []
    output = Output(shown.append)
    for _ in range(10):
        output.feed(b"x" * (LONGEST_LINE // 2))
    output.feed(b"\nnext\n")
    output.end(20)
    assert [len(line) for line in shown] == [MAX_LINE, len("next")]


def test_what_is_kept_does_not_grow() -> None:
    output = Output(lambda line: None)
    for _ in range(100):
        output.feed(b"z" * 100_000)
    assert len(output._tail) == TAIL_BYTES
    assert len(output._line) <= LONGEST_LINE


def test_a_million_short_lines_are_ten_thousand_frames_and_the_rest_is_counted() -> None:
    shown: list[str] = []
    output = Output(shown.append)
    for _ in range(100):
        output.feed(b"y\n" * 10_000)
    output.feed(b"the end\n")
    assert output.end(2) == ["y", "the end"]
    assert len(shown) == SHOWN_LINES
    assert output.unseen_bytes == 2 * (1_000_000 - SHOWN_LINES) + len(b"the end\n")

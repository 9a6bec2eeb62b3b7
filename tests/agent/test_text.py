"""What programs write becomes safe to show."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent.text import MAX_LINE, clean, clean_json, is_plain, last_lines, line_of

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(ANY_TEXT)
def test_nothing_that_steers_a_terminal_survives(text: str) -> None:
    left = clean(text)
    assert not [c for c in left if unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n"]
    assert not set(left) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029")
    left.encode()


@given(ANY_TEXT)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text(st.characters(min_codepoint=32, exclude_categories=("C", "Z"))))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@given(st.binary(max_size=200))
def test_a_line_is_one_printable_line_whatever_was_written(raw: bytes) -> None:
    line = line_of(raw)
    assert "\n" not in line
    assert len(line) <= MAX_LINE


def test_sequences_go_whole_and_what_they_wrapped_stays() -> None:
    assert clean("\x1b[1;31mred\x1b[0m") == "red"
    assert clean("\x1b]8;;https://evil\x07link\x1b]8;;\x1b\\") == "link"
    assert clean("\x1bP1$r0m\x1b\\a") == "a"
    assert clean("\x1b(Bplain") == "plain"
    assert clean("bell\x07 and back\x08") == "bell and back"


def test_a_sequence_that_was_cut_off_takes_nothing_else_with_it() -> None:
    assert clean("before\x1b[3") == "before3"
    assert clean("\x1b]0;unended title") == ""


def test_a_progress_bar_is_what_the_terminal_would_have_left() -> None:
    assert line_of(b"10%\r50%\r100%\n") == "100%"
    assert line_of(b"windows line\r\n") == "windows line"


def test_bytes_that_are_no_text_are_marked_and_bytes_in_paths_are_shown() -> None:
    assert line_of(b"a\xff") == "a\ufffd"
    assert clean("caf\udce9") == "caf\\xe9"


def test_last_lines_are_those_that_say_something() -> None:
    assert last_lines(b"one\n\ntwo\n  \nthree\n", 2) == ["two", "three"]


def test_json_is_cleaned_in_names_and_values_and_keeps_its_other_values() -> None:
    assert clean_json({"a\x1b[0m": ["\x07b", 1, None, True, 2.5, {"c": "\x00"}]}) == {"a": ["b", 1, None, True, 2.5, {"c": ""}]}


@given(ANY_TEXT, st.booleans())
def test_json_that_is_called_plain_has_nothing_to_clean(text: str, ascii: bool) -> None:
    value = {text: [text, 1]}
    written = json.dumps(value, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    assert clean_json(value) == value or not is_plain(written)


@pytest.mark.parametrize("text", ["a plain word", 'a "quoted" one', "two\nlines\tand a tab", "/a/path\\of another system"])
def test_json_of_ordinary_text_is_plain(text: str) -> None:
    assert is_plain(json.dumps({"text": text}).encode())


@pytest.mark.parametrize("text", ["\x1b[0m", "\r", "\b", "\f", "\x00", "\x7f", "\x9b", "\u202e", "\udc80"])
@pytest.mark.parametrize("ascii", [True, False])
def test_json_of_what_steers_a_terminal_is_not_plain(text: str, ascii: bool) -> None:
    assert not is_plain(json.dumps({text: 1}, ensure_ascii=ascii).encode("utf-8", "surrogatepass"))


def test_rubbish_costs_no_more_than_its_length() -> None:
    """Half a million strings that begin and never end. Read again from each of them, they would take hours, with all threads held up."""
    program = r"""
from shipway_agent.text import clean
for begun in ("\x9d", "\x1b]", "\x9b0", "\x1b  "):
    print(len(clean("a" + begun * 500_000 + "\x1b[0m")))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout.split()[:2] == ["1", "1"]


def test_of_a_line_without_an_end_only_so_much_is_looked_at_as_is_kept() -> None:
    assert line_of(b"x" * 10_000_000) == "x" * (MAX_LINE - 1) + "\u2026"
    assert line_of(b"\x1b[31m" * MAX_LINE + b"red") == "red"

"""Text from hosts never reaches a terminal as anything but text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.reports.clean import clean, clean_lines

TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
"""Characters that turn the direction of text."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;cGFzdGU=\x07x", "x"),
        ("\x9b2Jgone", "gone"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x1bcreset", "reset"),
        ("over\rwritten\x08\x7f", "overwritten"),
        ("a\nb\tc", "a b c"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\ud800x", "x"),
        ("héllo ✓ 日本", "héllo ✓ 日本"),
        (None, "None"),
    ],
)
def test_sequences_and_controls_are_gone_and_text_stays(text: object, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(alphabet=st.characters() | st.sampled_from("\x1b\x9b[]0;mPc\\\x07\n\r\t\u202e"), max_size=80))
def test_nothing_that_moves_or_hides_is_left(text: str) -> None:
    shown = clean(text)
    assert not [
        c
        for c in shown
        if unicodedata.category(c) in ("Cc", "Cs") or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
    ]
    assert clean(shown) == shown, "cleaning makes nothing new out of what it leaves"


def test_long_text_is_cut_and_says_so() -> None:
    assert clean("x" * 5000, most=10) == "x" * 9 + "…"
    assert clean_lines("one\r\ntwo\nthree\x1b[1m") == ["one", "two", "three"]

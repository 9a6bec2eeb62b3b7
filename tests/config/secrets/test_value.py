"""Bytes in, a value of an environment out; and a value does not show itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.config.secrets.fingerprint import fingerprint
from shipway.config.secrets.value import MOST_BYTES, read_value
from shipway.model.intent import Environment, Hidden


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=50))
def test_every_text_that_a_process_can_receive_comes_through(text: str) -> None:
    assert read_value(text.encode() + b"\n") == text


@pytest.mark.parametrize("data", [b"", b"\n", b"a\0b", b"\xff", b"a" * (MOST_BYTES + 1)])
def test_what_none_can_receive_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_value(data)


def test_the_longest_value_may_be_there() -> None:
    assert len(read_value(b"a" * MOST_BYTES + b"\n")) == MOST_BYTES


def test_a_value_is_what_a_host_gets_and_its_repr_is_not() -> None:
    value = Hidden("s3cret")
    assert json.dumps({"env": value}) == '{"env": "s3cret"}'
    assert "s3cret" not in repr(Environment("production", (), env={"A": value}))


def test_a_fingerprint_tells_two_values_apart_and_nothing_to_who_lacks_the_key() -> None:
    assert fingerprint(b"k" * 32, "a") == fingerprint(b"k" * 32, "a") != fingerprint(b"k" * 32, "b")
    assert fingerprint(b"k" * 32, "a") != fingerprint(b"l" * 32, "a")

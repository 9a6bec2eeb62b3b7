"""Where things are written."""

from __future__ import annotations

import time
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.config.lines import DEPTH, Path, TooDeep, scan
from tests.config.strategies import documents, few, many, toml

TEXT = '''\
app = "x"            # a comment with = and [ ]
"quoted key" = 1
dotted.key = """
several
lines ""with quotes\\""" \'\'\' """"
list = [
  1, # one
  [2,
   3],
  { a = 1, "b.c" = [4] },
]
[table]
x = \'\'\'
[not.a.table]
\'\'\'
[table.below."quoted\\tkey"]
y = 1979-05-27 07:32:00
[[item]]
name = 'first'
[item.env]
A = "1"
[[item]]
name = 'second'
[[item.inner]]
z = 1
'''


def test_each_key_and_item_has_its_line() -> None:
    lines = scan(TEXT)
    expected: dict[Path, int] = {
        ("app",): 1,
        ("quoted key",): 2,
        ("dotted",): 3,
        ("dotted", "key"): 3,
        ("list",): 6,
        ("list", 0): 7,
        ("list", 1): 8,
        ("list", 1, 0): 8,
        ("list", 1, 1): 9,
        ("list", 2): 10,
        ("list", 2, "a"): 10,
        ("list", 2, "b.c", 0): 10,
        ("table",): 12,
        ("table", "x"): 13,
        ("table", "below", "quoted\tkey"): 16,
        ("table", "below", "quoted\tkey", "y"): 17,
        ("item", 0): 18,
        ("item", 0, "name"): 19,
        ("item", 0, "env", "A"): 21,
        ("item", 1): 22,
        ("item", 1, "name"): 23,
        ("item", 1, "inner", 0, "z"): 25,
    }
    assert {path: lines.at.get(path) for path in expected} == expected
    assert lines.twice == []


def test_what_is_missing_is_placed_at_what_is_around_it() -> None:
    lines = scan(TEXT)
    assert lines.of(("item", 1, "run")) == 22
    assert lines.of(("nowhere", 3)) == 1


@few
@given(documents())
def test_every_path_that_tomllib_reads_has_a_line(document: dict[str, Any]) -> None:
    text = toml(document)
    lines = scan(text)
    written = text.split("\n")
    for path in _paths(tomllib.loads(text)):
        assert path in lines.at
        if isinstance(path[-1], str):
            assert path[-1] in written[lines.at[path] - 1]


@many
@given(st.text(st.sampled_from("abc=.,[]{}\"'\\#\n\t 1-_")))
def test_it_reads_anything_to_the_end(text: str) -> None:
    lines = scan(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.at.values())


@many
@given(st.text(st.sampled_from("ab=.[]{}\"'\n1")))
def test_what_tomllib_accepts_is_never_twice(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert scan(text).twice == []


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 10_000, "a = " + "{a=" * 10_000, ".".join("a" * 10_000) + " = 1", "[" + ".".join("a" * 10_000) + "]"]
)
def test_depth_is_bounded(text: str) -> None:
    with pytest.raises(TooDeep) as raised:
        scan("\n" + text)
    assert raised.value.line == 2


def test_a_depth_that_is_allowed_is_read() -> None:
    scan("a = " + "[" * (DEPTH - 2) + "]" * (DEPTH - 2))


@pytest.mark.parametrize("unit", ['"""', "'''", '"\\', "[", "{", "a = {b = [", 'a = "x" ', "'", "a.", "\\", "#", "a = [\n"])
def test_no_text_takes_it_long(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    began = time.monotonic()
    try:
        scan(text)
    except TooDeep:
        pass
    assert time.monotonic() - began < 30


def _paths(value: Any, path: Path = ()) -> list[Path]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in [(*path, key), *_paths(item, (*path, key))]]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in [(*path, index), *_paths(item, (*path, index))]]
    return []

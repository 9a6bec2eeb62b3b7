"""Which hosts get a row where there are more hosts than rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.reports.fold import HostState, Work
from shipway.reports.shown import shown

WORK = Work("tree", "build", "prepare", "prepared", 1.0)
FLEET = {
    "a": HostState("a", "prepared"),
    "b": HostState("b", "prepare", steps=[WORK]),
    "c": HostState("c", "lost"),
    "d": HostState("d", "leased", waiting="a step"),
    "e": HostState("e", "prepared"),
}


@pytest.mark.parametrize(
    ("rows", "names", "words"),
    [
        (5, ["a", "b", "c", "d", "e"], ""),
        (4, ["b", "c", "d"], "and 2 more: 2 prepared"),
        (3, ["c", "d"], "and 3 more: 2 prepared, 1 prepare"),
        (2, ["c"], "and 4 more: 2 prepared, 1 prepare, 1 leased"),
        (1, [], "5 hosts: 2 prepared, 1 prepare, 1 lost, 1 leased"),
    ],
)
def test_trouble_comes_first_then_waits_then_work(rows: int, names: list[str], words: str) -> None:
    assert shown(FLEET, rows) == (names, words)


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=3), st.sampled_from(["failed", "prepared", "lost"]), max_size=30), st.integers(1, 40))
def test_every_host_is_shown_or_counted(stages: dict[str, str], rows: int) -> None:
    names, words = shown({name: HostState(name, stage) for name, stage in stages.items()}, rows)
    assert len(names) + bool(words) <= rows and names == sorted(names)
    counted = int(words.removeprefix("and ").split()[0]) if words else 0
    assert len(names) + counted == len(stages)

"""A goal is judged from what one run measured, and never from a cell that was wrong or is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.side.goals import Judged, judged
from bench.side.result import Cell, Result, read
from bench.side.tables import goal_table, tables

CELL = Cell(
    contestant="shipway",
    line="lan",
    hosts=1,
    step="small",
    wrong="",
    wall_seconds=1.6,
    task_seconds=1.1,
    operator_cpu_seconds=0.5,
    ssh_cpu_seconds=0.1,
    operator_bytes=30_000_000,
    hosts_cpu_seconds=0.2,
    sent_bytes=20_000,
    received_bytes=9_000,
    sent_packets=40,
    logins=1,
)
SCRIPT = replace(CELL, contestant="sh", wall_seconds=2.0, task_seconds=1.2, sent_bytes=60_000)
FABRIC = replace(SCRIPT, contestant="fabric", wall_seconds=3.6)


def result(*cells: Cell) -> Result:
    return Result({"machine": "a machine"}, 27_000_000, cells)


def about(goals: Sequence[Judged], what: str) -> list[bool | None]:
    return [goal.met for goal in goals if goal.what == what]


def test_an_overhead_is_held_against_the_script_and_against_the_best_tool() -> None:
    goals = judged(result(CELL, SCRIPT, FABRIC, replace(FABRIC, contestant="ansible", wall_seconds=9.0)))
    small = [goal for goal in goals if goal.what == "overhead of a small change, 1 host"]
    assert [goal.figure for goal in small] == pytest.approx([0.5, 0.5])
    assert [goal.bound for goal in small] == pytest.approx([0.8, 0.8])
    assert [goal.met for goal in small] == [True, True]


def test_more_than_the_bound_is_not_met() -> None:
    goals = judged(result(replace(CELL, wall_seconds=2.0), SCRIPT, FABRIC))
    assert about(goals, "overhead of a small change, 1 host") == [False, False]


def test_what_was_not_measured_is_neither_met_nor_not() -> None:
    goals = judged(result(CELL))
    assert about(goals, "overhead of a small change, 1 host") == [None, None]
    assert list(goal_table([goal for goal in goals if goal.met is None])) == []


def test_a_cell_that_was_wrong_counts_nowhere() -> None:
    goals = judged(result(replace(CELL, wrong="b: VERSION is another version's"), SCRIPT))
    assert about(goals, "overhead of a small change, 1 host") == [None, None]


def test_repetitions_count_by_the_least() -> None:
    several = [replace(CELL, wall_seconds=seconds) for seconds in (1.7, 1.5, 9.0)]
    assert result(*several).figure(lambda cell: cell.overhead_seconds, "shipway", "lan", 1, "small") == pytest.approx(0.4)


def test_round_trips_are_what_40_ms_more_each_make_of_the_time() -> None:
    goals = judged(result(CELL, replace(CELL, line="rtt40", wall_seconds=2.16)))
    trips = next(goal for goal in goals if goal.what.startswith("round trips"))
    assert trips.figure == pytest.approx(14.0)
    assert trips.met is True


def test_no_round_trips_are_told_where_the_near_line_was_the_slower_one() -> None:
    goals = judged(result(CELL, replace(CELL, line="rtt40", wall_seconds=1.5)))
    assert [goal.met for goal in goals if goal.what.startswith("round trips")] == [None]


def test_the_tables_print_a_wrong_cell_as_wrong_and_never_as_fast() -> None:
    lines = list(tables(result(replace(CELL, wrong="b: VERSION is another version's"), SCRIPT)))
    assert [line for line in lines if line.startswith("| shipway | small | **wrong**: b: VERSION is another version's |")]
    assert [line for line in lines if line.startswith("| sh | small | 2.00 | 0.80 | 0.40 | 0.10 | 30 | 0.20 | 60.0 | 9.0 | 40 | 1 | – |")]


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    one = Result({"machine": "a machine"}, 27_000_000, [CELL, SCRIPT], {"fabric": "not installed"})
    one.write(tmp_path / "result.json")
    assert read(tmp_path / "result.json") == one


def test_what_grows_has_a_table_of_its_own_and_counts_nowhere_else() -> None:
    large = replace(CELL, hosts=4, wall_seconds=3.0, growth="hosts: 4")
    lines = list(tables(result(CELL, large)))
    assert "| hosts: 4 | – | 3.0 / 0.40 / 0.05 / 30 / 0.02 | – | – | – | – |" in lines
    assert [line for line in lines if line.startswith("###")] == ["### lan, 1 host"]

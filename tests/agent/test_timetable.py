"""What is to be done about a job: the rules, without a process and without a clock."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shipway_agent import timetable
from shipway_agent.schedule import read
from shipway_agent.timetable import CORRECTED_SECONDS, DONE, HANDOVER_SECONDS, LATE_SECONDS, LOST, JobRow, Next, Run, dealt_with, taken

TEXT = "0 3 * * * UTC"
DAILY = read("0 3 * * *")
DAY = 86400.0
THREE = 3 * 3600.0
"""03:00 of the first day of the epoch."""

ROW = JobRow("nightly", TEXT, since=0.0, last=THREE)


def run(state: str = DONE, at: float = THREE, tries: int = 1) -> Run:
    return Run("t", "nightly", at, 1, state, "boot", at, 0.0, tries=tries, ended=at + 1)


def next_for(
    row: JobRow | None, now: float, *, last: Run | None = None, going: bool = False, catch_up: bool = False, decided: bool = True
) -> Next:
    return timetable.next_for(DAILY, TEXT, row, last, going, catch_up, decided, now)


def test_it_begins_when_its_time_has_come_and_once() -> None:
    now = DAY + THREE
    assert next_for(ROW, now - 1) == (timetable.NOTHING, THREE)
    verb, at = next_for(ROW, now + 0.4)
    assert (verb, at) == (timetable.START, now)
    after = dealt_with(ROW, TEXT, (verb, at))
    assert after.last == now
    assert next_for(after, now + 0.5)[0] == next_for(after, now + 59)[0] == timetable.NOTHING


def test_a_clock_that_goes_back_repeats_nothing_unless_it_had_been_wrong_by_hours() -> None:
    kept = replace(ROW, last=DAY + THREE)
    assert next_for(kept, DAY + THREE - 3600)[0] == timetable.NOTHING
    assert next_for(kept, DAY + THREE - CORRECTED_SECONDS)[0] == timetable.NOTHING
    years = replace(ROW, last=3650 * DAY + THREE)
    verb, at = next_for(years, DAY)
    assert (verb, at) == (timetable.CORRECT, DAY)
    assert next_for(dealt_with(years, TEXT, (verb, at)), DAY + THREE) == (timetable.START, DAY + THREE)


def test_what_passed_unseen_is_kept_for_five_minutes_and_made_up_later_only_where_that_is_wanted() -> None:
    late = DAY + THREE + LATE_SECONDS
    assert next_for(ROW, late) == (timetable.START, DAY + THREE)
    assert next_for(ROW, late + 1) == (timetable.MISS, DAY + THREE)
    assert next_for(ROW, late + 1, catch_up=True) == (timetable.START, DAY + THREE)
    assert next_for(ROW, 9 * DAY, catch_up=True) == (timetable.START, 8 * DAY + THREE), "nine nights are made up for by one run"


def test_one_that_still_runs_is_left_out_and_counted_until_the_next_begins() -> None:
    now = DAY + THREE
    skipped = dealt_with(ROW, TEXT, next_for(ROW, now, going=True))
    assert (skipped.last, skipped.skipped) == (now, 1)
    twice = dealt_with(skipped, TEXT, next_for(skipped, now + DAY, going=True))
    assert twice.skipped == 2
    assert dealt_with(twice, TEXT, next_for(twice, now + 2 * DAY)).skipped == 0


def test_a_lost_run_is_repeated_once_and_only_where_that_is_wanted() -> None:
    lost = run(LOST)
    assert next_for(ROW, THREE + 10, last=lost)[0] == timetable.NOTHING
    assert next_for(ROW, THREE + 10, last=lost, catch_up=True) == (timetable.REPEAT, THREE)
    assert next_for(ROW, THREE + 10, last=lost, catch_up=True, going=True)[0] == timetable.NOTHING
    assert next_for(ROW, THREE + 10, last=run(LOST, tries=2), catch_up=True)[0] == timetable.NOTHING


def test_a_job_is_taken_only_from_a_decided_generation_and_begins_later_where_another_host_may_have_had_it() -> None:
    assert next_for(None, THREE - 30, decided=False)[0] == timetable.NOTHING
    assert next_for(None, THREE - 30)[0] == timetable.TAKE
    alone, one_of_two = (taken("nightly", TEXT, members, THREE - 30) for members in (1, 2))
    assert next_for(alone, THREE) == (timetable.START, THREE)
    assert next_for(one_of_two, THREE)[0] == timetable.NOTHING, "the host that had it may have begun this very one"
    assert one_of_two.since == THREE - 30 + HANDOVER_SECONDS
    assert next_for(one_of_two, DAY + THREE) == (timetable.START, DAY + THREE)


def test_one_that_it_has_goes_on_while_nothing_is_decided() -> None:
    assert next_for(ROW, DAY + THREE, decided=False) == (timetable.START, DAY + THREE)


def test_another_schedule_does_not_make_up_what_passed_before_it() -> None:
    row = replace(ROW, schedule="0 2 * * * UTC")
    verb, at = next_for(row, DAY + THREE + 60)
    assert verb == timetable.CHANGE
    changed = dealt_with(row, TEXT, (verb, at))
    assert next_for(changed, DAY + THREE + 61)[0] == timetable.NOTHING
    assert next_for(changed, 2 * DAY + THREE) == (timetable.START, 2 * DAY + THREE)


moves = st.lists(
    st.tuples(st.sampled_from(["time", "back", "going", "ended", "lost", "restart", "undecided", "other schedule"]), st.integers(1, 4000)),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(moves, st.booleans())
def test_whatever_happens_a_time_is_begun_once_but_for_one_repeat_of_a_lost_run(story: list[tuple[str, int]], catch_up: bool) -> None:
    """Clocks that go back by less than hours, hosts that lose their run, schedules that change to and fro."""
    schedules = {"*/7 * * * * UTC": read("*/7 * * * *"), "*/5 * * * * UTC": read("*/5 * * * *")}
    text, row, now = "*/7 * * * * UTC", taken("j", "*/7 * * * * UTC", 1, 1e9), 1e9
    going: Run | None = None
    last: Run | None = None
    begun: list[tuple[float, int]] = []
    decided = True
    for what, much in story:
        if what == "time":
            now += much
        elif what == "back":
            now -= min(much, 3000)
        elif what in ("ended", "lost") and going is not None:
            last, going = replace(going, state=DONE if what == "ended" else LOST), None
        elif what == "undecided":
            decided = not decided
        elif what == "other schedule":
            text = next(one for one in schedules if one != text)
        verb, at = timetable.next_for(schedules[text], text, row, last, going is not None, catch_up, decided, now)
        if verb in (timetable.START, timetable.REPEAT):
            assert going is None
            tries = 2 if verb == timetable.REPEAT else 1
            begun.append((at, tries))
            going = run("running", at, tries)
        if verb != timetable.NOTHING:
            row = dealt_with(row, text, (verb, at))
    assert len(set(begun)) == len(begun)
    assert catch_up or all(tries == 1 for _, tries in begun)

"""Schedules: what is understood and what is refused, and when they are true, against a walk minute by minute that knows no shortcut."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shipway_agent import schedule
from shipway_agent.schedule import Schedule, count, due, following, read

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu", "America/Sao_Paulo")
MINUTE = 60.0


def at(text: str, zone: str = "UTC", fold: int = 0) -> float:
    """Seconds since the epoch of a time on a zone's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def shown(when: float | None, zone: str = "UTC") -> str:
    return "" if when is None else datetime.fromtimestamp(when, ZoneInfo(zone)).isoformat(timespec="minutes")


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("@daily", "0 0 * * *"),
        ("@weekly", "0 0 * * sun"),
        ("@Yearly", "0 0 1 1 *"),
        ("*/20 8-18/5 * * mon-fri", "0,20,40 8,13,18 * * 1-5"),
        ("0 0 * JAN,jul 7", "0 0 * 1,7 0"),
        ("  5   4 * *  * ", "5 4 * * *"),
    ],
)
def test_two_ways_to_write_the_same(text: str, means: str) -> None:
    assert read(text) == read(means)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("* * * *", "should have five fields (minute, hour, day, month, weekday), found 4"),
        ("", "found 0"),
        ("60 * * * *", "the minute '60' is no number from 0 to 59"),
        ("0 0 * * funday", "the day of the week 'funday' is no number from 0 to 7, nor a name such as mon"),
        ("0 0 0 * *", "the day of the month '0' is no number from 1 to 31"),
        ("5/10 * * * *", "has a step without a range"),
        ("*/0 * * * *", "has a step that is no number from 1 to 59"),
        ("0 18-8 * * *", "has a range that ends before it begins (18-8)"),
        ("0, * * * *", "the minute '0,' is no number"),
        ("٣ * * * *", "is no number"),
        ("@reboot", "a process is what runs from the start"),
        ("@fortnightly", "found @fortnightly"),
        ("0 0 31 2 *", "is never true: no day 31 is in month 2"),
        ("0 0 31 4,6,9,11 *", "is never true"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError) as refused:
        read(text)
    assert says in str(refused.value)


def test_all_fields_that_are_wrong_are_named_at_once() -> None:
    with pytest.raises(ValueError) as refused:
        read("61 25 * foo *")
    assert [part.split(" is ")[0] for part in str(refused.value).split("; ")] == ["the minute '61'", "the hour '25'", "the month 'foo'"]


def test_a_zone_that_nobody_knows_is_refused_when_it_is_needed() -> None:
    for name in ("Mars/Olympus", "Europe", "../passwd"):
        with pytest.raises(ValueError, match=r"no time zone .* is known on this machine"):
            due(read("@daily", name), 0.0, at("2026-11-29 00:00"))


# --------------------------------------------------------------- being true


@pytest.mark.parametrize(
    ("text", "zone", "after", "then"),
    [
        ("0 3 * * *", "UTC", "2026-11-29 03:00", "2026-11-30T03:00+00:00"),
        ("0 3 * * *", "UTC", "2026-11-29 02:59", "2026-11-29T03:00+00:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29T03:00+02:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 02:29", "2026-10-25T02:30+02:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 02:30", "2026-10-26T02:30+01:00"),
        ("0 0 29 2 *", "UTC", "2096-03-01 00:00", "2104-02-29T00:00+00:00"),
        ("0 0 */29 2 */6", "UTC", "2026-11-29 00:00", "2031-02-01T00:00+00:00"),
        ("0 0 13 * fri", "UTC", "2026-11-14 00:00", "2026-11-20T00:00+00:00"),
        ("0 0 30 12 *", "Pacific/Apia", "2011-12-01 00:00", "2011-12-31T00:00+14:00"),
    ],
)
def test_the_first_time_behind_another(text: str, zone: str, after: str, then: str) -> None:
    assert shown(following(read(text, zone), at(after, zone)), zone) == then


def test_each_real_hour_counts_where_any_hour_is_meant() -> None:
    hourly = read("0 * * * *", "Europe/Berlin")
    began = at("2026-10-25 00:00", "Europe/Berlin")
    assert count(hourly, began, began + 4 * 3600, 10) == 4
    assert count(read("0 0-23 * * *", "Europe/Berlin"), began, began + 4 * 3600, 10) == 3


def test_a_clock_that_jumps_over_ten_years_costs_one_look() -> None:
    assert shown(due(read("0 3 * * *"), at("2026-11-29 03:00"), at("2036-11-29 02:00"))) == "2036-11-28T03:00+00:00"
    assert due(read("0 3 * * *"), at("2036-11-29 03:00"), at("2026-11-29 02:00")) is None


# ------------------------------------------------------------ minute by minute


def walked(wanted: Schedule, after: float, until: float) -> list[float]:
    """Every minute behind `after` up to `until` at which the schedule is true, found by looking at each of them."""
    zone = ZoneInfo(wanted.zone)
    found = []
    minute = (after // MINUTE + 1) * MINUTE
    while minute <= until:
        here = datetime.fromtimestamp(minute, zone)
        before = datetime.fromtimestamp(minute - MINUTE, zone)
        if wanted.any_hour:
            readings = [here.replace(tzinfo=None)]
        elif here.fold:
            readings = []
        else:  # what the clock skipped right before this minute, and this minute
            gap = here.replace(tzinfo=None) - before.replace(tzinfo=None, fold=0)
            readings = [here.replace(tzinfo=None) - timedelta(minutes=ago) for ago in range(max(1, gap // timedelta(minutes=1)))]
        if any(_true(wanted, reading) for reading in readings):
            found.append(minute)
        minute += MINUTE
    return found


def _true(wanted: Schedule, reading: datetime) -> bool:
    in_days, in_weekdays = reading.day in wanted.days, reading.isoweekday() % 7 in wanted.weekdays
    day = in_days or in_weekdays if wanted.either else in_days and in_weekdays
    return day and reading.month in wanted.months and reading.hour in wanted.hours and reading.minute in wanted.minutes


def field(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    span = st.tuples(number, number).map(lambda two: f"{min(two)}-{max(two)}")
    step = st.tuples(st.one_of(st.just("*"), span), st.integers(1, most)).map(lambda two: f"{two[0]}/{two[1]}")
    return st.one_of(st.just("*"), st.just("*"), st.lists(st.one_of(number.map(str), span, step), min_size=1, max_size=3).map(",".join))


texts = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(" ".join)
CHANGES = ("2026-03-29 00:00", "2026-10-25 00:00", "2026-03-08 00:00", "2026-11-01 00:00", "2026-04-05 00:00", "2026-10-04 00:00",
           "2006-10-29 00:00", "2018-11-04 00:00", "2018-02-18 00:00", "2026-07-01 00:00")  # fmt: skip
"""Midnights near which the clocks of some of ZONES change, and one where none does."""

when = st.tuples(st.sampled_from(CHANGES), st.integers(-12 * 3600, 24 * 3600)).map(lambda two: at(two[0]) + two[1])


@settings(max_examples=70, deadline=None)
@given(texts, st.sampled_from(ZONES), when, st.integers(0, 36 * 3600))
@example("30 2 * * *", "Europe/Berlin", at("2026-10-25 00:00"), 4 * 3600)
@example("*/30 0,23 * * *", "America/Sao_Paulo", at("2018-11-03 20:00"), 12 * 3600)
@example("*/10 * * * *", "Australia/Lord_Howe", at("2026-04-04 12:00"), 24 * 3600)
@example("15,45 0-23 * * *", "America/St_Johns", at("2006-10-28 20:00"), 12 * 3600)
def test_it_is_true_exactly_when_a_walk_minute_by_minute_finds_it(text: str, zone: str, last: float, seconds: int) -> None:
    try:
        wanted = read(text, zone)
    except ValueError:
        return  # never true
    now = last + seconds
    true = walked(wanted, last, now)
    assert due(wanted, last, now) == (true[-1] if true else None)
    first = following(wanted, last)
    assert first is not None
    assert (first if first <= now else None) == (true[0] if true else None)
    assert count(wanted, last, now, 100) == min(100, len(true))


@settings(max_examples=40, deadline=None)
@given(texts, st.sampled_from(ZONES), when, st.lists(st.integers(-7200, 7200), min_size=1, max_size=8))
def test_whoever_asks_in_steps_or_with_a_clock_that_goes_back_never_gets_a_time_twice(
    text: str, zone: str, now: float, steps: list[int]
) -> None:
    try:
        wanted = read(text, zone)
    except ValueError:
        return
    last, kept = now, []
    for step in steps:
        now += step
        found = due(wanted, last, now)
        if found is not None:
            assert last < found <= now
            kept.append(found)
            last = found
    assert len(set(kept)) == len(kept)


def test_the_zones_of_this_machine_are_there() -> None:
    """Else the walk would prove nothing about them."""
    assert all(schedule.zone_of(name) is not None for name in ZONES)

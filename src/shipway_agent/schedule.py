"""The five fields of a crontab and a time zone in, the minutes at which they are true out. No clock: whoever asks says what time it is.

Times are seconds since the epoch, always at the beginning of a minute. As in cron, day and weekday are either-or where both are given;
names of months and weekdays, ranges, lists and steps are understood, and @daily and its like.

Where a zone changes its clocks, a schedule with particular hours is true once for each time on the clock: a time that comes twice counts
when it comes first, and one that is skipped is true right behind the gap. One with any hour (`*`) is true at each minute that reads so.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from shipway_agent.record import dataclass
from shipway_agent.typed import Dict, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

MINUTE_SECONDS = 60
UTC = "UTC"

SHORT: Mapping[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

FIELDS: Tuple[Tuple[str, int, int, Sequence[str]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of the week", 0, 7, WEEKDAYS),
)
"""What each field is called, its least and most number, and its names. A weekday of 7 is Sunday, as 0 is."""

SEARCH_DAYS = 366 * 41
"""Further than that nothing is looked for: a 29 February that must be a Sunday comes once in 40 years at the latest."""


@dataclass(frozen=True)
class Schedule:
    """When something is to happen. `any_hour` where the hours are `*`; `either` where day and weekday are both given: one is enough."""

    minutes: FrozenSet[int]
    hours: FrozenSet[int]
    days: FrozenSet[int]
    months: FrozenSet[int]
    weekdays: FrozenSet[int]
    any_hour: bool
    either: bool
    zone: str = UTC


def read(text: str, zone: str = UTC) -> Schedule:
    """The schedule that `text` means. Raises ValueError with a sentence that names every fault of it."""
    words = SHORT.get(text.strip().lower(), text).split()
    if words and words[0].startswith("@"):
        more = ": a process is what runs from the start" if words[0] == "@reboot" else ""
        raise ValueError(f"should be five fields or one of {', '.join(SHORT)}, found {words[0]}{more}")
    if len(words) != len(FIELDS):
        raise ValueError(f"should have five fields (minute, hour, day, month, weekday), found {len(words)}")
    faults: List[str] = []
    sets: List[FrozenSet[int]] = []
    for word, (what, least, most, names) in zip(words, FIELDS):
        try:
            sets.append(_field(word, least, most, names))
        except ValueError as fault:
            faults.append(f"the {what} {word!r} {fault}")
    if faults:
        raise ValueError("; ".join(faults))
    minutes, hours, days, months, weekdays = sets
    either = not words[2].startswith("*") and not words[4].startswith("*")
    found = Schedule(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), words[1] == "*", either, zone)
    if not either and not any(day <= LONGEST_MONTH[month - 1] for month in months for day in days):
        raise ValueError(f"is never true: no day {words[2]} is in month {words[3]}")
    return found


def due(schedule: Schedule, last: float, now: float) -> Optional[float]:
    """The newest time at which it was true behind `last` and up to `now`, None where it was not. Raises ValueError for an unknown zone."""
    zone = zone_of(schedule.zone)
    if now <= last:
        return None
    first, day = _day(last, zone) - timedelta(days=2), _day(now, zone) + timedelta(days=1)
    oldest = max(first, day - timedelta(days=SEARCH_DAYS))
    while day >= oldest:
        # A day's times may lie behind those of the next where clocks were set back over midnight: so two days are looked at together.
        found = [at for one in (day, day - timedelta(days=1)) for at in _times(schedule, one) if last < at <= now]
        if found:
            return max(found)
        day = _before(schedule, day)
    return None


def following(schedule: Schedule, after: float) -> Optional[float]:
    """The first time behind `after` at which it is true; None where none is in sight. Raises ValueError for an unknown zone."""
    day = _day(after, zone_of(schedule.zone)) - timedelta(days=2)
    for _ in range(SEARCH_DAYS):
        found = [at for one in (day, day + timedelta(days=1)) for at in _times(schedule, one) if at > after]
        if found:
            return min(found)
        day += timedelta(days=1)
    return None


def count(schedule: Schedule, after: float, now: float, most: int) -> int:
    """How often it was true behind `after` and up to `now`; `most` where that is as often or more."""
    found = 0
    at = following(schedule, after)
    while at is not None and at <= now and found < most:
        found += 1
        at = following(schedule, at)
    return found


def zone_of(name: str) -> tzinfo:
    """The time zone of that name. Raises ValueError where this machine has none."""
    if name == UTC:
        return timezone.utc
    from zoneinfo import ZoneInfo  # few schedules name a zone

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        raise ValueError(f"no time zone {name} is known on this machine; the package tzdata brings it") from None


def _field(word: str, least: int, most: int, names: Sequence[str]) -> FrozenSet[int]:
    found: Set[int] = set()
    for part in word.lower().split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isascii() and step.isdigit() and 0 < int(step) <= most):
            raise ValueError(f"has a step that is no number from 1 to {most}")
        low, dash, high = span.partition("-")
        if span == "*":
            first, last = least, min(most, 6) if names is WEEKDAYS else most
        elif dash:
            first, last = _number(low, least, most, names), _number(high, least, most, names)
        else:
            first = last = _number(low, least, most, names)
        if slash and span != "*" and not dash:
            raise ValueError("has a step without a range: write * or FIRST-LAST before the /")
        if last < first:
            raise ValueError(f"has a range that ends before it begins ({span})")
        found.update(range(first, last + 1, int(step) if slash else 1))
    return frozenset(found)


def _number(word: str, least: int, most: int, names: Sequence[str]) -> int:
    if word in names:
        return names.index(word) + (1 if names is MONTHS else 0)
    if not (word.isascii() and word.isdigit()) or not least <= int(word) <= most:
        called = f", nor a name such as {names[1]}" if names else ""
        raise ValueError(f"is no number from {least} to {most}{called}")
    return int(word)


def _fits(schedule: Schedule, day: date) -> bool:
    if day.month not in schedule.months:
        return False
    in_days, in_weekdays = day.day in schedule.days, (day.weekday() + 1) % 7 in schedule.weekdays
    return (in_days or in_weekdays) if schedule.either else (in_days and in_weekdays)


def _before(schedule: Schedule, day: date) -> date:
    """The next earlier day worth a look: within a month that fits, the day before."""
    before = day - timedelta(days=1)
    return before if before.month in schedule.months else before.replace(day=1)


def _day(at: float, zone: tzinfo) -> date:
    return datetime.fromtimestamp(at, zone).date()


@lru_cache(maxsize=16)
def _times(schedule: Schedule, day: date) -> Tuple[float, ...]:
    """The times of a day of the zone's calendar, in no order."""
    return tuple(_instants(schedule, day)) if _fits(schedule, day) else ()


def _instants(schedule: Schedule, day: date) -> Iterator[float]:
    if schedule.zone == UTC:  # a UTC day has no gap and nothing twice
        begins = datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp()
        yield from (begins + (hour * 60 + minute) * MINUTE_SECONDS for hour in schedule.hours for minute in schedule.minutes)
        return
    zone = zone_of(schedule.zone)
    behind_gaps: Dict[float, None] = {}
    for hour in schedule.hours:
        for minute in schedule.minutes:
            first = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
            again = first.replace(fold=1)
            early, late = _offset(first), _offset(again)
            if early == late:
                yield first.timestamp()
            elif early > late:  # comes twice
                yield first.timestamp()
                if schedule.any_hour:
                    yield again.timestamp()
            elif not schedule.any_hour:  # never comes
                behind_gaps[_end_of_gap(again.timestamp(), first.timestamp(), early, zone)] = None
    yield from behind_gaps


def _end_of_gap(before: float, behind: float, offset: float, zone: tzinfo) -> float:
    """The first minute at which the offset is not the one before the gap any more; it lies between the two."""
    low, high = int(before // MINUTE_SECONDS), int(behind // MINUTE_SECONDS)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(datetime.fromtimestamp(middle * MINUTE_SECONDS, zone)) == offset:
            low = middle
        else:
            high = middle
    return float(high * MINUTE_SECONDS)


def _offset(at: datetime) -> float:
    found = at.utcoffset()
    return 0.0 if found is None else found.total_seconds()

"""Data that must not be lost: whether its points are there, of today, were ever restored, and have left their host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shipway.model.finding import Finding
from shipway.model.intent import Data
from shipway.model.kept import Kept, Taken
from shipway.model.place import Place
from shipway.plan.checks.data import RESERVE_BYTES, data_findings

NOON = 1_764_504_000.0
"""2025-11-30 12:00 UTC."""

HOUR = 3600.0
NIGHTLY = Data("main", "postgres", schedule="0 3 * * *")
POINTS = tuple(Taken(f"main-202511{20 + n}T030000Z-000a", NOON - (10 - n) * 24 * HOUR - 9 * HOUR, 10_000_000, n == 3) for n in range(1, 11))
WELL = Kept("main", "a", NOON, POINTS)
THERE = Place("main", "a", "/mnt", 3, {point.point: 5 for point in POINTS[-3:]}, NOON - 60)

AWAY = replace(THERE, error="it is away", since=NOON - 3 * HOUR, points={})


def findings(kept: Kept, data: Data = NIGHTLY, free_bytes: int | None = 10**12) -> list[Finding]:
    return list(data_findings(data, kept, free_bytes, "production", "mend it, then shipway doctor production"))


def test_copies_on_the_disk_that_has_the_points_are_told() -> None:
    (found,) = [one for one in findings(replace(WELL, places=(replace(THERE, beside=True),))) if one.check == "copies"]
    assert (found.severity, found.what) == (
        "note",
        "copies of main at /mnt are on the disk of a that has the restore points: is something mounted there?",
    )


def test_what_is_well_says_how_old_the_newest_is() -> None:
    assert [(one.check, one.severity, one.what) for one in findings(replace(WELL, places=(THERE,)))] == [
        ("data", "ok", "the newest restore point of main is 9 h old"),
        ("copies", "ok", "/mnt has every copy of main that it is to have"),
    ]


@pytest.mark.parametrize(
    ("kept", "data", "severity", "says"),
    [
        (Kept("main", "a", NOON), NIGHTLY, "note", "there is no restore point of main yet"),
        (replace(WELL, clock=NOON + 24 * HOUR), NIGHTLY, "ok", "is 33 h old"),
        (replace(WELL, clock=NOON + 48 * HOUR), NIGHTLY, "wrong", "at 0 3 * * * UTC, and its newest is 2 days old"),
        (replace(WELL, clock=NOON + 40 * 24 * HOUR), replace(NIGHTLY, schedule=None), "ok", "is 40 days old"),
        (replace(WELL, points=POINTS[3:]), NIGHTLY, "note", "none of the restore points of main was ever restored"),
        (
            replace(WELL, damaged=("about.json is cut off",)),
            NIGHTLY,
            "wrong",
            "1 of 11 restore points of main cannot be",
        ),
        (replace(WELL, refusal=("database", "the database says no")), NIGHTLY, "wrong", "no restore point of main can be taken"),
        (replace(WELL, no_restore="ann may not make databases"), NIGHTLY, "wrong", "no restore point of main can be restored"),
        (replace(WELL, places=(AWAY,)), NIGHTLY, "wrong", "/mnt lacks 3 copies of main, and says no for 3 h"),
        (replace(WELL, places=(replace(THERE, points={POINTS[-1].point: 5}),)), NIGHTLY, "note", "on the way to /mnt: 2 copies of main"),
        (replace(WELL, places=(Place("main", "a", "/mnt", 3),)), NIGHTLY, "note", "nobody has sent copies of main to /mnt yet"),
    ],
)
def test_what_is_not_well_is_one_finding_with_what_to_type(kept: Kept, data: Data, severity: str, says: str) -> None:
    (found,) = [one for one in findings(kept, data) if says in one.what]
    assert (found.severity, found.host) == (severity, "a")
    assert bool(found.next) == (severity != "ok")


@pytest.mark.parametrize(("free_bytes", "wrong"), [(12_000_000 + RESERVE_BYTES, False), (11_999_999 + RESERVE_BYTES, True), (None, False)])
def test_the_disk_has_room_for_the_next_point(free_bytes: int | None, wrong: bool) -> None:
    found = [one for one in findings(WELL, free_bytes=free_bytes) if one.check == "data-disk"]
    assert bool(found) == wrong

"""What a person reads before a revert: what goes back, what cannot, what would be lost."""

from __future__ import annotations

from typing import Any

from shipway.reports.data import Loss, Point
from shipway.reports.revert import Told, revert_json, revert_text

POINT = Point("main-1", "main", "a", at=1000.0, rows=10, why="before a deployment", before=2, restored_seconds=3.0)
LOSS = Loss(12, "", (("public.items", 10, 12),))


def test_each_migration_is_named_in_the_order_in_which_it_goes_back() -> None:
    lines = revert_text(told(back=("2", "1")), 2000.0)
    assert lines[0] == "back to v1, generation 1 of 1970-01-01 00:15:00 UTC, commit cccccccccccc"
    assert lines[1] == "soft: the schema too; 2 migrations to be taken back, by the code of generation 2, in this order:"
    assert lines[2:4] == ["  2", "  1"]
    assert "requests wait meanwhile, a single one at most 60 s" in lines[-1]


def test_what_cannot_be_taken_back_says_why_and_what_the_restore_point_would_lose() -> None:
    lines = revert_text(told(back=("2", "1"), stays={"2": "no reverse"}, losses=((POINT, LOSS),)), 2000.0)
    assert "  2: cannot be (no reverse)" in lines
    assert "  main-1 is 16 min 40 s old: what was written since is lost to the application" in lines
    assert "    public.items: 12 now, 10 then" in lines
    assert not any("requests wait" in line for line in lines), "nothing is going to be done"


def test_the_data_of_a_time_says_how_much_lies_between_it_and_its_point() -> None:
    lines = revert_text(told(hard=True, at=1060.0, losses=((POINT, LOSS),), unpointed=("uploads",)), 2000.0)
    assert "  main-1 was taken 60.0 s before the time that was named" in lines
    assert "  it was restored once in 3.0 s" in lines
    assert "  uploads: stays as it is, for there is no restore point of it from then" in lines


def test_nobody_claims_to_know_a_schema_that_nobody_wrote_down() -> None:
    lines = revert_text(told(known=False), 2000.0)
    assert "is not known" in lines[1]
    assert "no restore point of that time is here" in lines[2]


def test_requests_that_cannot_wait_are_said() -> None:
    (line,) = [line for line in revert_text(told(back=("1",), hold_seconds=None, cannot_hold="b keeps"), 2000.0) if "cannot wait" in line]
    assert "(b keeps)" in line and "errors until the switch" in line


def test_programs_get_the_same() -> None:
    said = revert_json(told(back=("2",), stays={"2": "no"}, losses=((POINT, LOSS),)))
    assert said["mode"] == "soft"
    assert said["migrations"]["irreversible"] == {"2": "no"}
    assert said["losses"][0]["differing"] == [{"table": "public.items", "then": 10, "now": 12}]


def told(**more: Any) -> Told:
    plain: dict[str, Any] = {
        "environment": "production",
        "version": "v1",
        "generation": 1,
        "commit": "c" * 40,
        "made": 900.0,
        "at": None,
        "hard": False,
        "back": (),
        "code": 2,
        "stays": {},
        "forward": (),
        "known": True,
        "losses": (),
        "unpointed": (),
        "changes_data": True,
        "hold_seconds": 60,
        "cannot_hold": "",
    }
    return Told(**{**plain, **more})

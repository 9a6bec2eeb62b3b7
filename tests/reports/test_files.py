"""A report and its page lie side by side: each is whole, under the name of its deployment, and inside the folder of reports."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from shipway.model.event import Event
from shipway.reports.files import page_path, write_report, write_so_far
from shipway.reports.fold import fold
from tests.reports.story import live, undone


def test_a_report_is_written_whole_with_its_page_and_under_the_name_of_its_deployment(tmp_path: Path) -> None:
    path = write_report(tmp_path, fold(undone()))
    assert path == tmp_path / ".shipway" / "reports" / "7-abc123.json"
    assert json.loads(path.read_text())["verdict"] == "undone" and "UNDONE" in page_path(tmp_path, "7-abc123").read_text()
    assert write_report(tmp_path, fold(live())) == path, "a second time replaces both"
    assert json.loads(path.read_text())["verdict"] == "live" and "UNDONE" not in page_path(tmp_path, "7-abc123").read_text()
    assert sorted(p.name for p in path.parent.iterdir()) == ["7-abc123.html", "7-abc123.json"]
    assert stat.S_ISREG(path.stat().st_mode)


def test_where_nothing_was_to_do_there_is_no_page(tmp_path: Path) -> None:
    ended = {"verdict": "unchanged", "exit_code": 0, "message": "nothing to do", "hint": "", "seconds": 0.2}
    path = write_report(tmp_path, fold([*live()[:1], Event("ended", 1.0, "try-1", "", ended)]))
    assert json.loads(path.read_text())["verdict"] == "unchanged"
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_so_far_there_is_one_page_and_none_is_drawn_while_users_could_notice(tmp_path: Path) -> None:
    events = live()
    page = page_path(tmp_path, "7-abc123")
    phases = [number for number, event in enumerate(events, 1) if event.kind == "phase" and event.data["name"] == "switch"]
    write_so_far(tmp_path, fold(events[: phases[0]]))
    assert json.loads(page.with_suffix(".json").read_text())["verdict"] == "interrupted" and not page.exists()
    write_so_far(tmp_path, fold(events[:-1]))
    drawn = page.stat().st_ino
    write_so_far(tmp_path, fold(events[:-1]))
    assert page.stat().st_ino == drawn
    write_report(tmp_path, fold(events))
    assert page.stat().st_ino != drawn


def test_no_name_of_a_deployment_leads_out_of_the_folder(tmp_path: Path) -> None:
    outside = write_report(tmp_path, fold([Event("note", 1.0, "../../etc/passwd", "", {"message": "x"})]))
    assert outside.parent == tmp_path / ".shipway" / "reports" and "/" not in outside.name and not outside.name.startswith(".")


def test_what_cannot_be_written_leaves_the_old_one_and_nothing_half(tmp_path: Path) -> None:
    path = write_report(tmp_path, fold(live()))
    page = page_path(tmp_path, "7-abc123")
    page.unlink()
    page.mkdir()
    with pytest.raises(OSError):
        write_report(tmp_path, fold(live()))
    assert sorted(p.name for p in path.parent.iterdir()) == ["7-abc123.html", "7-abc123.json"]

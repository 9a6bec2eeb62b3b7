"""Findings on paper: a block for each side and host, worst first, and nothing of a host's text that a terminal would obey."""

from __future__ import annotations

import json

from shipway.model.finding import Finding, Findings
from shipway.reports.doctor import doctor_json, doctor_text

FINDINGS = Findings(
    "production",
    (Finding("git", "ok", "git version 2.39.5"),),
    (
        Finding("disk", "ok", "9 GB are free", "b"),
        Finding("file", "wrong", "app.py: \x1b[2Jchanged", "b", ("by somebody",), "shipway deploy production repairs it"),
        Finding("clock", "note", "7 s ahead", "b", (), "set it"),
        Finding("agreement", "ok", "all members serve one release"),
    ),
    (("a", "its supervisor was started"),),
)


def test_the_page() -> None:
    assert doctor_text(FINDINGS) == [
        "done",
        "  a: its supervisor was started",
        "",
        "this machine",
        "  ok     git version 2.39.5",
        "",
        "production",
        "  ok     all members serve one release",
        "",
        "host b",
        "  wrong  app.py: changed",
        "         by somebody",
        "         next: shipway deploy production repairs it",
        "  note   7 s ahead",
        "         next: set it",
        "  ok     9 GB are free",
        "",
    ]


def test_programs_get_every_finding_with_its_side() -> None:
    said = json.loads(json.dumps(doctor_json(FINDINGS)))
    assert [(one["side"], one["host"], one["check"]) for one in said["findings"]] == [
        ("operator", None, "git"),
        ("fleet", "b", "file"),
        ("fleet", "b", "clock"),
        ("fleet", "b", "disk"),
        ("fleet", None, "agreement"),
    ]
    assert said["fixed"] == [{"host": "a", "what": "its supervisor was started"}]

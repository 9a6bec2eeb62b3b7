"""The plan on paper: hosts that do the same stand together, and secrets are not on it. tests/plans/ holds whole pages."""

from __future__ import annotations

import json

from shipway.model.difference import Difference, FileChange, SettingChange
from shipway.model.plan import Plan, Step, Wave
from shipway.reports.plan import FILES_SHOWN, difference_json, difference_text, hidden, plan_json, plan_text

SECRET = {"peer_key": "s3cret", "env": {"common": {"PASSWORD": "s3cret"}, "process": {"web": {"TOKEN": "s3cret"}}}, "kept": ["plain"]}
MADE = (("a", "x"), ("b", "y"), ("c", "x"))
PLAN = Plan(
    kind="deploy",
    app="shop",
    environment="production",
    release="2" + "d" * 63,
    number=7,
    lead="a",
    members=("a", "b", "c"),
    waves=(
        Wave(
            "prepared",
            "prepare",
            {name: (Step("make", "generation.make", SECRET, f"make {what}"),) for name, what in zip("abc", "xyx", strict=True)},
        ),
    ),
    switch={name: (Step("switch", "switch"),) for name in "abc"},
    document={"version": "1.2", "peer_key": "s3cret"},
)


def test_hosts_with_the_same_steps_stand_together() -> None:
    lines = plan_text(PLAN)
    at = lines.index("prepare")
    assert lines[at : at + 6] == ["prepare", "  a, c", "    make x", "  b", "    make y", "  -- prepared --"]
    assert lines[-3:] == ["  a, b, c", "    switch", "  -- switched --"]


def test_no_secret_is_on_paper_and_its_name_is() -> None:
    for text in ("\n".join(plan_text(PLAN, arguments=True)), json.dumps(plan_json(PLAN))):
        assert "s3cret" not in text and "PASSWORD" in text and "TOKEN" in text and "plain" in text
    assert hidden(SECRET)["env"]["common"] == {"PASSWORD": "(not shown)"} and hidden(SECRET)["peer_key"] == "(not shown)"


def test_a_long_list_of_files_is_cut_unless_it_is_asked_for() -> None:
    files = tuple(FileChange(f"f{i:02}", "added", 0, 1) for i in range(FILES_SHOWN + 3))
    changes = Difference("1.1", "1.2", files=files)
    short, whole = difference_text(changes), difference_text(changes, files=True)
    assert short[-1] == "    … and 3 more (--files lists them all)" and len(whole) == len(short) + 2
    listed = difference_json(changes)["files"]
    assert listed is not None and len(listed) == FILES_SHOWN + 3, "a program gets them all"


def test_names_from_a_repository_cannot_spoil_the_page() -> None:
    changes = Difference("1.1", "1.2", files=(FileChange("a\x1b[2J\nb", "removed", 5, 0),), settings=(SettingChange("env.X", "changed"),))
    lines = difference_text(changes)
    assert all(line.isprintable() for line in lines)
    assert "    - a b  5 B" in lines and "  env.X changed" in lines


def test_no_difference_says_so() -> None:
    assert difference_text(Difference("1.2", "1.2")) == ["no difference to what is live, 1.2"]

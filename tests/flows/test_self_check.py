"""What an installation says of itself, and how it notices that it is not whole."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from shipway.cli.commands import run
from shipway.flows.installed import differing, is_checkout
from shipway.transports.bundle import bundle


def installed(place: Path, files: dict[str, str]) -> Distribution:
    """A distribution of these files, as pip leaves it."""
    record = []
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
        record.append(f"{name},sha256={digest},{len(content)}")
    about = place / "shipway-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shipway\nVersion: 1.0\n")
    (about / "RECORD").write_text("\n".join([*record, "shipway-1.0.dist-info/RECORD,,", ""]))
    return PathDistribution(about)


def test_a_wheel_that_is_as_it_was_made_differs_in_nothing(tmp_path: Path) -> None:
    found = installed(tmp_path, {"shipway/__init__.py": "", "shipway/reports/page.css": "a {}", "shipway_agent/journal.py": "x = 1\n"})
    (tmp_path / "shipway/__pycache__").mkdir()
    (tmp_path / "shipway/__pycache__/x.pyc").write_bytes(b"bytecode is Python's own")
    assert differing(found) == [] and not is_checkout(found)


def test_what_was_changed_taken_away_or_put_there_is_named(tmp_path: Path) -> None:
    found = installed(tmp_path, {"shipway/__init__.py": "", "shipway/a.py": "a = 1\n", "shipway_agent/b.py": "b = 1\n"})
    (tmp_path / "shipway/a.py").write_text("a = 2\n")
    (tmp_path / "shipway_agent/b.py").unlink()
    (tmp_path / "shipway/old.py").write_text("left behind by another version\n")
    assert differing(found) == ["shipway/a.py: changed", "shipway_agent/b.py: missing", "shipway/old.py: is not of this version"]


def test_without_its_record_nothing_is_proved(tmp_path: Path) -> None:
    found = installed(tmp_path, {"shipway/__init__.py": ""})
    (tmp_path / "shipway-1.0.dist-info/RECORD").unlink()
    assert differing(found) == ["RECORD: missing, so nothing can be compared"]


def test_a_checkout_says_so(tmp_path: Path) -> None:
    found = installed(tmp_path, {"shipway/__init__.py": ""})
    (tmp_path / "shipway-1.0.dist-info/direct_url.json").write_text(json.dumps({"url": "file:///x", "dir_info": {"editable": True}}))
    assert is_checkout(found)


def test_all_is_told_and_the_agent_has_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["self-check"]) == 0
    out = capsys.readouterr().out
    for part in ("good  python", "git version", "OpenSSH", bundle().hash, "report 1, ledger 1, journal 1"):
        assert part in out
    assert run(["self-check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {check["name"] for check in told["data"]["checks"]} == {"shipway", "python", "git", "ssh", "agent", "files", "formats"}
    assert all(check["good"] and check["next"] == "" for check in told["data"]["checks"])


@pytest.mark.parametrize(
    ("script", "found"), [(None, "not found"), ("echo git version 2.20.1", "git version 2.20.1"), ("echo broken >&2; exit 1", "not found")]
)
def test_what_is_missing_or_too_old_ends_with_1_and_says_what_to_do(
    script: str | None, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if script is not None:
        (tmp_path / "git").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["self-check"]) == 1
    out = capsys.readouterr().out
    assert f"BAD   git       {found}" in out and "not good: git, ssh" in out and "next: install git 2.30 or newer" in out

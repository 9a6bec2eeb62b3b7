"""The pages of docs/ as somebody reads them who does what they say: every file written, every command typed, what they show compared."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.page import DOCS, Shell

LOCAL = ("tutorial.md",)


def person(place: Path, **more: str) -> dict[str, str]:
    """The environment of somebody who has git, Python and shipway, and a home of their own."""
    home = place / "home"
    home.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_CERT_FILE")}
    env = {**kept, "PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "COLUMNS": "160", **more}
    for key, value in {"user.name": "Ann", "user.email": "ann@example.org", "init.defaultBranch": "main"}.items():
        subprocess.run(["git", "config", "--global", key, value], env=env, check=True)
    return env


def live(name: str, place: Path, instead: Mapping[str, str] | None = None, **more: str) -> list[str]:
    with Shell(place, person(place, **more), dict(instead or {})) as shell:
        return shell.live((DOCS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", LOCAL)
def test_a_page_about_this_machine(name: str, place: Path) -> None:
    assert live(name, place)

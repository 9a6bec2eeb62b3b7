"""`pipx install .` and `uv tool install .` in a clone, as a user would: a `shipway` that is whole, finds what it needs and deploys."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stories import project
from tests.stories.project import ROOT
from tests.stories.shop import Shop

BIN = Path(sys.executable).parent
MADE_OF = ("src", "pyproject.toml", "README.md", "LICENSE")


def clone(place: Path) -> Path:
    """What a fresh clone of this checkout would hold, as far as an installation reads it."""
    target = place / "shipway"
    target.mkdir()
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *MADE_OF], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, os.fsdecode(files.stdout).split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes((ROOT / name).read_bytes())
    return target


def by_pipx(checkout: Path, place: Path) -> Path:
    env = {**os.environ, "PIPX_HOME": str(place / "pipx"), "PIPX_BIN_DIR": str(place / "bin"), "PIPX_MAN_DIR": str(place / "man")}
    subprocess.run([BIN / "pipx", "install", "--python", sys.executable, "."], cwd=checkout, env=env, check=True, timeout=280)
    return place / "bin/shipway"


def by_uv(checkout: Path, place: Path) -> Path:
    env = {**os.environ, "UV_TOOL_DIR": str(place / "tools"), "UV_TOOL_BIN_DIR": str(place / "bin")}
    subprocess.run([BIN / "uv", "tool", "install", "--python", sys.executable, "."], cwd=checkout, env=env, check=True, timeout=280)
    return place / "bin/shipway"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("install", [by_pipx, by_uv])
def test_what_is_installed_is_whole_and_deploys(
    install: Callable[[Path, Path], Path], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(project, "SHIPWAY", install(clone(place), place))
    shop = Shop(place)
    checks = {check["name"]: check for check in shop.project.run("self-check", "--json").verdict["data"]["checks"]}
    assert checks["files"]["found"] == "as the wheel's RECORD says", checks
    assert str(place) in checks["shipway"]["found"], checks
    shop.project.run("deploy", "local")
    assert shop.version() == "5"

"""The wheel: the same bytes whoever builds it and when, and installed it is whole and deploys."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.stories import project
from tests.stories.project import ROOT
from tests.stories.shop import Shop

pytestmark = pytest.mark.slow

MADE_OF = ("src", "pyproject.toml", "README.md", "LICENSE")


def build(place: Path, umask: int, **env: str) -> Path:
    """A wheel from a copy of the checkout, whose files have the times and modes of this moment."""
    copy = place / "checkout"
    copy.mkdir(parents=True)
    for name in MADE_OF:
        source, target = ROOT / name, copy / name
        if source.is_dir():
            shutil.copytree(source, target, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    built = place / "dist"
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    mine = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(argv, cwd=copy, env={**mine, **env}, umask=umask, check=True, capture_output=True, timeout=300)
    (wheel,) = built.glob("shipway-*.whl")
    return wheel


def install(wheel: Path, venv: Path) -> Path:
    """The wheel in an environment that has nothing else but, behind it, the libraries that this checkout is locked to."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=300)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin/python"), "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, "--no-index", "--no-deps", str(wheel)], check=True, timeout=300)
    (packages,) = venv.glob("lib/python3*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin/shipway"


def test_a_wheel_is_reproducible_and_what_is_installed_from_it_is_whole_and_deploys(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = build(place / "one", 0o022, TZ="UTC"), build(place / "two", 0o077, TZ="Asia/Tokyo")
    assert first.name == second.name
    assert hashlib.sha256(first.read_bytes()).hexdigest() == hashlib.sha256(second.read_bytes()).hexdigest()

    command = install(first, place / "venv")
    monkeypatch.setattr(project, "SHIPWAY", command)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    shop = Shop(place)
    assert shop.project.run("--version").out.startswith("shipway ")
    checked = {check["name"]: check for check in shop.project.run("self-check", "--json").verdict["data"]["checks"]}
    assert checked["files"]["found"] == "as the wheel's RECORD says", checked
    assert str(place / "venv") in checked["shipway"]["found"], checked
    shop.project.run("deploy", "local")
    assert shop.version() == "5"
    assert shop.project.report()["verdict"] == "live"

    (module,) = (place / "venv").glob("lib/python3*/site-packages/shipway_agent/decide.py")
    module.write_text(module.read_text() + "# an unwanted hand\n")
    said = shop.project.run("self-check", code=1)
    assert "shipway_agent/decide.py: changed" in said.text and "install shipway again" in said.text
    assert json.dumps(checked["agent"]["found"])[1:65] not in said.text, "and the agent has another name"

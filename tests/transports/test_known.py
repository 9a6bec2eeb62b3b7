"""The agent's name is known without packing it, and never an old one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import shipway_agent
from shipway.transports import known
from shipway.transports.bundle import bundle, pack

SHIPWAY = Path(known.__file__).parents[1]
ASK = "from shipway.transports.known import agent_hash; print(agent_hash()); import sys; print('shipway.transports.bundle' in sys.modules)"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """A copy of the program, so that its files may be changed."""
    for package in (SHIPWAY, Path(shipway_agent.__file__).parent):
        shutil.copytree(package, tmp_path / "src" / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    yield tmp_path / "src"


def ask(source: Path, cache: Path) -> tuple[str, bool]:
    """The name as a new process tells it, and whether it had to pack."""
    env = {**os.environ, "PYTHONPATH": str(source), "XDG_CACHE_HOME": str(cache)}
    said = subprocess.run([sys.executable, "-c", ASK], env=env, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    return said[0], said[1] == "True"


def test_the_name_is_that_of_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    known.agent_hash.cache_clear()
    assert known.agent_hash() == bundle().hash
    known.agent_hash.cache_clear()
    assert known.agent_hash() == bundle().hash  # as it was read back


def test_only_the_first_command_packs_it(source: Path, tmp_path: Path) -> None:
    name = pack(source / "shipway_agent").hash
    assert ask(source, tmp_path / "cache") == (name, True)
    assert ask(source, tmp_path / "cache") == (name, False)


def test_a_change_that_keeps_size_and_time_is_another_agent(source: Path, tmp_path: Path) -> None:
    before, _ = ask(source, tmp_path / "cache")
    file = source / "shipway_agent" / "journal" / "chain.py"
    was = file.stat()
    text = file.read_text()
    file.write_text(text.replace("return ", "return\t", 1))
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert file.stat().st_size == was.st_size and file.stat().st_mtime_ns == was.st_mtime_ns
    after, packed = ask(source, tmp_path / "cache")
    assert packed and after != before
    assert after == pack(source / "shipway_agent").hash


@pytest.mark.parametrize("change", ["new module", "module gone", "other packing"])
def test_what_comes_and_goes_is_noticed(source: Path, tmp_path: Path, change: str) -> None:
    ask(source, tmp_path / "cache")
    if change == "new module":
        (source / "shipway_agent" / "feed" / "more.py").write_text("X = 1\n")
    elif change == "module gone":
        (source / "shipway_agent" / "timetable.py").unlink()
    else:
        with (source / "shipway" / "transports" / "code_only.py").open("a") as file:
            file.write("\n")
    assert ask(source, tmp_path / "cache")[1]


@pytest.mark.parametrize("left", [b"", b"\xff\xfe", b"a b", b"x" * 200])
def test_a_damaged_memory_is_made_anew(source: Path, tmp_path: Path, left: bytes) -> None:
    name, _ = ask(source, tmp_path / "cache")
    (place,) = (tmp_path / "cache" / "shipway" / "agent").iterdir()
    place.write_bytes(left)
    assert ask(source, tmp_path / "cache") == (name, True)
    assert ask(source, tmp_path / "cache") == (name, False)


def test_without_a_place_to_remember_it_it_is_packed_each_time(source: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the cache would be")
    name, packed = ask(source, tmp_path / "cache")
    assert packed and name == pack(source / "shipway_agent").hash


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def full(fd: int, *more: object, **options: object) -> None:
        os.close(fd)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shipway.transports.known.os.fdopen", full)
    known.agent_hash.cache_clear()
    assert known.agent_hash() == bundle().hash
    assert list((tmp_path / "shipway" / "agent").iterdir()) == []


def test_a_user_without_a_home_is_told_the_name_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    known.agent_hash.cache_clear()
    assert known.agent_hash() == bundle().hash

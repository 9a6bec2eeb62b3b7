"""Many files on disk with one wait."""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path

import pytest

from shipway_agent import durable


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were really synced, in order."""
    seen: list[str] = []
    lock = threading.Lock()
    real = os.fsync

    def fsync(fd: int) -> None:
        real(fd)
        with lock:
            seen.append(os.readlink(f"/proc/self/fd/{fd}"))

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def openers(place: Path, count: int) -> list[partial[int]]:
    for number in range(count):
        (place / f"{number}").write_bytes(b"x")
    return [partial(os.open, place / f"{number}", os.O_RDONLY) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 300])
def test_each_is_synced_once_and_closed(tmp_path: Path, synced: list[str], count: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    durable.sync_all(openers(tmp_path, count))
    assert sorted(synced) == sorted(str(tmp_path / f"{number}") for number in range(count))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("count", [3, 100])
def test_a_fault_is_never_taken_for_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    ready = openers(tmp_path, count)
    bad = str(tmp_path / f"{count // 2}")
    real = os.fsync

    def fsync(fd: int) -> None:
        if os.readlink(f"/proc/self/fd/{fd}") == bad:
            raise OSError(5, "Input/output error")
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="Input/output error"):
        durable.sync_all(ready)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_complete_file_is_on_its_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    durable.start_writing(fd)
    assert len(os.pread(fd, 100_001, 0)) == 100_000
    os.close(fd)

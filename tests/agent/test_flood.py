"""An application that writes as fast as it can: the supervisor stays small, logs stay within their bound, and the next release comes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent import logs
from tests.agent.lodge import Lodge, lodge, process, wait

WRITTEN_BYTES = 100_000_000
"""Ten times what one file of a log may hold."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lodge]:
    with lodge(tmp_path / "r") as one:
        one.ensure()
        yield one


def resident_bytes(pid: int) -> int:
    """What a process has in memory now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def log_bytes(home: Lodge) -> int:
    """All logs of the flooding process together. A file may become an older one while we look: then it is looked for again."""
    folder = Path(home.root.path) / "logs"
    while True:
        try:
            return sum(path.stat().st_size for path in folder.glob("flood.*"))
        except FileNotFoundError:
            continue


def test_a_flood_grows_neither_memory_nor_disk_and_holds_up_no_deployment(home: Lodge, tmp_path: Path) -> None:
    """A hundred megabytes of short lines, of one line without an end and of rubbish, before, during and after a deployment."""
    third = WRITTEN_BYTES // 3
    flood = (
        f"yes short | head -c {third}; head -c {third} /dev/zero | tr '\\0' x; head -c {third} /dev/urandom;"
        f" printf '\\033]0;title\\007\\nthe \\033[31mend\\n'; touch {tmp_path}/$RELEASE; exec sleep 600"
    )
    noisy = process("flood", None, run=flood)
    home.generation(1, process(), noisy)
    pid = home.ensure()
    before = resident_bytes(pid)
    home.serve(1)
    home.generation(2, process(), noisy)
    home.serve(2)
    wait((tmp_path / "v2").exists, 120)
    wait(lambda: log_bytes(home) <= 2 * logs.KEPT * logs.MOST_BYTES, what="the logs of both are within their bounds")
    assert home.ensure() == pid, "one supervisor all the while"
    assert resident_bytes(pid) < before + 16_000_000
    name = logs.log_of("flood", 1, 2)
    with home.root.at(logs.FOLDER) as folder:
        assert logs.last(folder, name, 1) == ["the end"]
        assert len(logs.last(folder, name, 20)) <= 20

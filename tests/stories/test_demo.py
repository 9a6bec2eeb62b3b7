"""bin/demo does the main job in front of everybody, loses no request, and leaves nothing but what it was asked to keep."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.stories.project import processes_of

DEMO = Path(__file__).parents[2] / "bin/demo"


def demo(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DEMO, *words],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(place), "TMPDIR": str(place), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.alone
@pytest.mark.timeout(300)
def test_the_demo_loses_nothing_keeps_what_it_is_told_to_and_ends_it(place: Path) -> None:
    played = demo(place, "--keep")
    assert played.returncode == 0, played.stdout + played.stderr
    assert played.stdout.count("✓") == 5
    assert re.search(r"failed\s+│\s+0 │", played.stdout), played.stdout
    assert "answers of version 3" not in played.stdout
    for row in ("requests sent", "time to live", "time of the switch", "time of the rollback"):
        assert row in played.stdout
    address = re.findall(r"http://127\.0\.0\.1:\d+", played.stdout)[-1]
    with urllib.request.urlopen(address, timeout=10) as page:
        assert "version 1" in page.read().decode()
    kept = Path(re.findall(r"--end (\S+)", played.stdout)[-1])
    assert kept.parent == place
    ended = demo(place, "--end", str(kept))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not kept.exists()
    assert list(processes_of(place)) == []


def test_only_a_directory_of_a_demo_is_ended(place: Path) -> None:
    (place / "precious").mkdir()
    refused = demo(place, "--end", str(place / "precious"))
    assert refused.returncode == 2
    assert "nothing was changed" in refused.stderr
    assert (place / "precious").is_dir()

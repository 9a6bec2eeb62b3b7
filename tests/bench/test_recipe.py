"""What is deployed: a real repository whose second version changes ten small files and one kilobyte inside a large one."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from bench.side.recipe import Shape, recipe

SHAPE = Shape(files=60, file_bytes=(100, 300), binaries=2, binary_bytes=9000)


@pytest.fixture(autouse=True)
def cached_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_the_second_version_changes_ten_small_files_and_a_kilobyte_of_the_binary() -> None:
    made = recipe(SHAPE)
    git = ["git", "-C", str(made.repository)]
    changed = subprocess.run([*git, "diff", "--name-only", "v1", "v2"], capture_output=True, text=True, check=True).stdout.split()
    assert len(changed) == 11
    assert {"VERSION", "model00.bin"} < set(changed)
    before, after = (subprocess.run([*git, "show", f"{v}:model00.bin"], capture_output=True, check=True).stdout for v in ("v1", "v2"))
    assert len(before) == len(after) == 9000
    assert 900 < sum(old != new for old, new in zip(before, after, strict=True)) <= 1024


def test_what_a_version_holds_is_known_byte_for_byte() -> None:
    made = recipe(SHAPE)
    for version, files in made.files.items():
        listed = subprocess.run(
            ["git", "-C", str(made.repository), "ls-tree", "-r", "--name-only", version], capture_output=True, text=True
        )
        assert sorted(files) == sorted(listed.stdout.split())
        content = subprocess.run(["git", "-C", str(made.repository), "show", f"{version}:VERSION"], capture_output=True).stdout
        assert content == f"{version}\n".encode()
        assert files["VERSION"] == (3, hashlib.sha1(content).hexdigest())


def test_it_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = recipe(SHAPE)
    monkeypatch.setenv("PATH", "/nowhere")
    assert recipe(SHAPE) == first

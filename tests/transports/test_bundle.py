"""The agent as it travels: one file, the same bytes every time, that runs on a bare python3 and knows its own name."""

from __future__ import annotations

import bz2
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

import shipway_agent
from shipway.transports.bundle import Bundle, bundle, pack

SOURCE = Path(shipway_agent.__file__).parent
PYTHONS = [sys.executable, *(str(p) for p in Path("/root/.pyenv/versions").glob("3.9.*/bin/python3"))]


def test_it_is_named_by_the_hash_of_its_bytes_and_made_once() -> None:
    made = bundle()
    assert made.hash == hashlib.blake2b(made.data, digest_size=32).hexdigest()
    assert bundle() is made


def test_neither_clock_nor_place_nor_modes_nor_leftovers_change_its_bytes(tmp_path: Path) -> None:
    copy, other = tmp_path / "elsewhere", tmp_path / "other"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(copy, other)
    (copy / "__pycache__").mkdir(exist_ok=True)
    (copy / "__pycache__" / "journal.cpython-311.pyc").write_bytes(b"stale")
    (copy / "notes.txt").write_text("not part of it")
    for path in copy.rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        os.chmod(path, 0o600)
    assert pack(copy) == pack(other)


def test_a_changed_byte_is_another_agent(tmp_path: Path) -> None:
    copy = tmp_path / "changed"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = pack(copy)
    with open(copy / "states.py", "a", encoding="utf-8") as file:
        file.write("X = 1\n")
    assert pack(copy).hash != before.hash


def test_it_holds_the_agent_and_nothing_else() -> None:
    with zipfile.ZipFile(io.BytesIO(bundle().data)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert names == sorted(names)
    assert {"__main__.py", "shipway_agent/__main__.py", "shipway_agent/decide.py", "shipway_agent/primitives/trees.py"} <= set(names)
    assert all(name == "__main__.py" or (name.startswith("shipway_agent/") and name.endswith(".py")) for name in names)


def test_it_is_small_enough_to_travel() -> None:
    assert len(bundle().packed("bz2")) < 190 * 1024  # what migrates, holds, copies and reverts data is a quarter of it
    assert bz2.decompress(bundle().packed("bz2")) == zlib.decompress(bundle().packed("zlib")) == bundle().data


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).parents[1].name)
def test_every_module_of_it_can_be_imported_by_a_bare_python(tmp_path: Path, python: str) -> None:
    """Without site-packages and without what this project has installed."""
    made: Bundle = bundle()
    pyz = tmp_path / f"{made.hash}.pyz"
    pyz.write_bytes(made.data)
    with zipfile.ZipFile(pyz) as archive:
        modules = [name[: -len(".py")].replace("/", ".") for name in archive.namelist() if name.startswith("shipway_agent/")]
    code = (
        "import importlib, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "for name in sys.argv[2:]: importlib.import_module(name.removesuffix('.__init__'))\n"
        "assert not any(name.split('.')[0] == 'shipway' for name in sys.modules)\n"
    )
    wanted = [module for module in modules if not module.endswith("__main__")]
    done = subprocess.run([python, "-I", "-S", "-c", code, str(pyz), *wanted], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).parents[1].name)
def test_it_runs_and_says_who_it_is(tmp_path: Path, python: str) -> None:
    made = bundle()
    pyz = tmp_path / f"{made.hash}.pyz"
    pyz.write_bytes(made.data)
    done = subprocess.run([python, "-I", "-S", str(pyz), "version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[0] == made.hash

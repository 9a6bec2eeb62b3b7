"""The agent's modules in compiled form: used where they are whole, made anew where not, and never needed."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shipway.transports.bundle import bundle
from shipway_agent import compiled


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    path = tmp_path / f"{bundle().hash}.pyz"
    path.write_bytes(bundle().data)
    return path


def version(agent: Path) -> str:
    """What the agent says of itself when it runs from its file."""
    said = subprocess.run([sys.executable, "-I", "-S", str(agent), "version"], capture_output=True, text=True, timeout=30, check=True)
    assert said.stderr == ""
    return said.stdout.split()[0]


def imported_from(agent: Path) -> str:
    """Where the agent's own start finds a module."""
    program = (
        "import sys; agent = sys.argv[1]; sys.path.insert(0, agent)\n"
        "from shipway_agent import compiled; compiled.use(agent)\n"
        "import shipway_agent.journal, shipway_agent.itself\n"
        "print(shipway_agent.journal.__file__, shipway_agent.itself.own_file(), shipway_agent.itself.own_hash())"
    )
    said = subprocess.run([sys.executable, "-I", "-S", "-c", program, str(agent)], capture_output=True, text=True, timeout=30, check=True)
    module, own_file, own_hash = said.stdout.split()
    assert own_file == str(agent)
    assert own_hash == bundle().hash
    return module


def test_it_is_used_where_it_was_kept_and_the_agent_stays_the_same_agent(agent: Path) -> None:
    assert imported_from(agent) == f"{agent}/shipway_agent/journal.py"
    assert compiled.keep(str(agent))
    kept = compiled.place(str(agent))
    assert Path(kept).stat().st_mode & 0o777 == 0o600
    assert imported_from(agent) == f"{kept}/shipway_agent/journal.pyc"
    assert version(agent) == bundle().hash


@pytest.mark.parametrize("harm", [lambda data: data[:-1], lambda data: data[:5000] + b"?" + data[5001:], lambda data: b""])
def test_a_damaged_one_is_not_used(agent: Path, harm: Callable[[bytes], bytes]) -> None:
    compiled.keep(str(agent))
    kept = Path(compiled.place(str(agent)))
    kept.write_bytes(harm(kept.read_bytes()))
    assert imported_from(agent) == f"{agent}/shipway_agent/journal.py"
    assert version(agent) == bundle().hash
    assert imported_from(agent) == f"{kept}/shipway_agent/journal.pyc", "the start made it anew"


def test_the_first_start_makes_it(agent: Path) -> None:
    assert version(agent) == bundle().hash
    assert sorted(file.name for file in agent.parent.iterdir()) == sorted([agent.name, Path(compiled.place(str(agent))).name])


def test_where_it_cannot_be_kept_nothing_is_lost(agent: Path) -> None:
    assert not compiled.keep(str(agent.parent / "missing.pyz"))
    Path(compiled.place(str(agent))).mkdir()
    assert version(agent) == bundle().hash
    assert len(list(agent.parent.iterdir())) == 2, "nothing half made is left"


def test_it_holds_every_module(agent: Path) -> None:
    kept = zipfile.ZipFile(io.BytesIO(compiled.compile_all(str(agent)))).namelist()
    sent = [name for name in zipfile.ZipFile(agent).namelist() if name.startswith("shipway_agent/")]
    assert kept == [f"{name}c" for name in sent]

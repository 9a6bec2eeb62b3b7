"""The agent's modules in compiled form: used where they are whole, made anew where not, and never needed."""

from __future__ import annotations

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


def said_by(program: str, *words: str | Path) -> list[str]:
    """The words that a bare Python prints when it runs this program."""
    argv = [sys.executable, "-I", "-S", "-c", program, *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout.split()


def found_by(agent: Path) -> str:
    """Who finds a module for the agent's own start: Modules, or zipimporter."""
    program = (
        "import sys; agent = sys.argv[1]; sys.path.insert(0, agent)\n"
        "from shipway_agent import compiled; compiled.use(agent)\n"
        "import shipway_agent.journal, shipway_agent.itself\n"
        "print(type(shipway_agent.journal.__loader__).__name__, shipway_agent.itself.own_file(), shipway_agent.itself.own_hash())"
    )
    who, own_file, own_hash = said_by(program, agent)
    assert own_file == str(agent)
    assert own_hash == bundle().hash
    return who


def test_they_are_used_where_they_were_kept_and_the_agent_stays_the_same_agent(agent: Path) -> None:
    assert found_by(agent) == "zipimporter"
    assert compiled.keep(str(agent))
    assert Path(compiled.place(str(agent))).stat().st_mode & 0o777 == 0o600
    assert found_by(agent) == "Modules"
    assert version(agent) == bundle().hash


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: b"",
        lambda data: data[:2000] + b"?" + data[2001:],
        lambda data: bytes([data[0] ^ 1]) + data[1:],
    ],
    ids=["empty", "another index", "of another Python"],
)
def test_a_damaged_file_is_not_used(agent: Path, harm: Callable[[bytes], bytes]) -> None:
    compiled.keep(str(agent))
    kept = Path(compiled.place(str(agent)))
    kept.write_bytes(harm(kept.read_bytes()))
    assert found_by(agent) == "zipimporter"
    assert version(agent) == bundle().hash
    assert found_by(agent) == "Modules", "the start made it anew"


def test_a_damaged_module_is_read_from_the_agents_file_and_the_next_start_makes_all_anew(agent: Path) -> None:
    compiled.keep(str(agent))
    kept = Path(compiled.place(str(agent)))
    data = bytearray(kept.read_bytes())
    data[-1] ^= 1  # behind the index, in the code of some module
    kept.write_bytes(data)
    program = (
        "import sys, importlib; agent = sys.argv[1]; sys.path.insert(0, agent)\n"
        "from shipway_agent import compiled; assert compiled.use(agent)\n"
        "import zipfile\n"
        "names = [name[:-3].replace('/', '.') for name in zipfile.ZipFile(agent).namelist() if name.startswith('shipway_agent/')]\n"
        "skip = ('.__init__', '.__main__', '.enter', '.arrive')\n"
        "made = [importlib.import_module(name) for name in names if not name.endswith(skip)]\n"
        "print(*sorted({type(module.__loader__).__name__ for module in made}))"
    )
    assert said_by(program, agent) == ["Modules", "zipimporter"]
    assert not kept.exists()
    assert version(agent) == bundle().hash
    assert found_by(agent) == "Modules"


def test_what_others_may_write_is_not_used(agent: Path) -> None:
    compiled.keep(str(agent))
    kept = Path(compiled.place(str(agent)))
    kept.chmod(0o620)
    assert not compiled.use(str(agent))
    kept.chmod(0o600)
    kept.rename(agent.parent / "elsewhere")
    kept.symlink_to("elsewhere")
    assert not compiled.use(str(agent))


def test_the_first_start_makes_them(agent: Path) -> None:
    assert version(agent) == bundle().hash
    assert sorted(file.name for file in agent.parent.iterdir()) == sorted([agent.name, Path(compiled.place(str(agent))).name])


def test_where_they_cannot_be_kept_nothing_is_lost(agent: Path) -> None:
    assert not compiled.keep(str(agent.parent / "missing.pyz"))
    Path(compiled.place(str(agent))).mkdir()
    assert version(agent) == bundle().hash
    assert len(list(agent.parent.iterdir())) == 2, "nothing half made is left"


def test_what_python_brings_is_found_without_the_list_of_the_agents_archive(agent: Path) -> None:
    assert compiled.keep(str(agent))
    as_enter_does = (
        "import marshal, os, sys; agent = sys.argv[1]; file = os.open(sys.argv[2], os.O_RDONLY)\n"
        "head = os.read(file, 40); first = os.read(file, int.from_bytes(head[4:8], 'little')); loading, index = marshal.loads(first)\n"
        "exec(loading, globals()); load(agent, file, 40 + len(first), index)\n"
        "import colorsys, subprocess, shipway_agent.journal\n"  # which looks for a module of Windows
        "print(any(place.startswith(agent) for place in sys.path_importer_cache))"
    )
    assert said_by(as_enter_does, agent, compiled.place(str(agent))) == ["False"]


def test_a_package_that_is_damaged_is_found_in_the_agents_archive(agent: Path) -> None:
    assert compiled.keep(str(agent))
    program = (
        "import sys; agent = sys.argv[1]; sys.path.insert(0, agent)\n"
        "from shipway_agent import compiled, loading\n"
        "for name in [name for name in sys.modules if name.startswith('shipway_agent')]: del sys.modules[name]\n"
        "sys.path.remove(agent); loading.load(agent, -1, 0, {'shipway_agent': (True, 0, 1, b'')})\n"
        "import shipway_agent.journal; print(type(shipway_agent.__loader__).__name__, agent in sys.path)"
    )
    assert said_by(program, agent) == ["zipimporter", "True"]


def test_what_few_hosts_want_is_compiled_when_the_first_wants_it_and_kept_beside_the_rest(agent: Path) -> None:
    assert compiled.keep(str(agent))
    program = (
        "import sys; agent = sys.argv[1]; sys.path.insert(0, agent)\n"
        "from shipway_agent import compiled; assert compiled.use(agent)\n"
        "import shipway_agent.data.points, shipway_agent.machine.done\n"
        "print(*{type(module.__loader__).__name__ for name, module in sys.modules.items() if name.startswith('shipway_agent.data.')})"
    )
    few = Path(compiled.place(str(agent), few=True))
    assert not few.exists()
    assert said_by(program, agent) == ["Modules"]
    made = few.stat().st_ino
    assert said_by(program, agent) == ["Modules"]
    assert few.stat().st_ino == made, "the second found it there"
    few.write_bytes(b"?")
    assert said_by(program, agent) == ["Modules"]
    assert few.stat().st_size > 1, "a damaged one is made anew"


def test_a_module_that_is_nowhere_is_missed_as_ever(agent: Path) -> None:
    assert compiled.keep(str(agent))
    program = (
        "import sys; agent = sys.argv[1]; sys.path.insert(0, agent)\n"
        "from shipway_agent import compiled; assert compiled.use(agent)\n"
        "for name in ('nowhere', 'data.nowhere'):\n"
        "    try: __import__(f'shipway_agent.{name}')\n"
        "    except ModuleNotFoundError as error: print(error.name)"
    )
    assert said_by(program, agent) == ["shipway_agent.nowhere", "shipway_agent.data.nowhere"]


def test_every_module_is_in_one_of_the_two(agent: Path) -> None:
    names = sorted(name for name in zipfile.ZipFile(agent).namelist() if name.startswith("shipway_agent/"))
    program = (
        "import sys; agent = sys.argv[1]; sys.path.insert(0, agent)\n"
        "from shipway_agent import compiled\n"
        "for few in (False, True): assert compiled.keep(agent, few=few) and compiled.use(agent, few=few)\n"
        "print(*(name for finder in sys.meta_path[:2] for name in finder._index))"
    )
    assert sorted(said_by(program, agent)) == sorted(name[:-3].replace("/", ".").removesuffix(".__init__") for name in names)

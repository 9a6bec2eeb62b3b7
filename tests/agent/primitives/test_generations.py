"""A generation: a release and how it runs, numbered, never edited; only its addresses change."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from shipway_agent.errors import AgentError, Missing
from shipway_agent.journal import Journal
from shipway_agent.primitives import Context, generations, trees
from shipway_agent.root import Root
from tests.agent.primitives.conftest import Tree, context_of
from tests.agent.primitives.test_blobs import die_at

ENV = {"common": {"SECRET": "hush"}, "process": {"web": {"WORKERS": "2"}}, "task": {}}


@pytest.fixture
def release(context: Context) -> str:
    tree = Tree({b"app.py": b"x"})
    tree.ship(context)
    trees.make(context, tree.args)
    return tree.release


def document(release: str, **more: Any) -> dict[str, Any]:
    return {"release": release, "version": "v1", "processes": [], "shared": [], **more}


def make(context: Context, number: int, release: str, **more: Any) -> None:
    assert generations.make(context, {"number": number, "document": document(release, **more), "env": ENV}) == {}


def test_a_generation_is_a_directory_that_people_can_read(context: Context, root: Root, release: str) -> None:
    make(context, 42, release)
    at = Path(root.path, "generations/000042")
    assert os.readlink(at / "release") == f"../../releases/{release}"
    assert (at / "release" / "app.py").read_bytes() == b"x"
    assert json.loads((at / "generation.json").read_text())["number"] == 42
    assert (at / "release-id").read_text() == release
    assert list((at / "up").iterdir()) == []
    assert generations.numbers(root) == [42] and generations.place(42) == "generations/000042"


def test_secrets_are_for_the_user_alone(context: Context, root: Root, release: str) -> None:
    before = os.umask(0)
    try:
        make(context, 1, release)
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(f"{root.path}/generations/000001/env.json").st_mode) == 0o600
    assert generations.env_of(root, 1) == ENV
    assert "hush" not in json.dumps(generations.read(root, 1))


def test_making_the_same_again_is_nothing_and_another_of_that_number_is_refused(context: Context, release: str) -> None:
    make(context, 1, release)
    make(context, 1, release)
    for change in ({"version": "v2"}, {"processes": [{"name": "web"}]}):
        with pytest.raises(AgentError, match="never edited") as caught:
            make(context, 1, release, **change)
        assert caught.value.code == "exists"
    with pytest.raises(AgentError, match="never edited"):
        generations.make(context, {"number": 1, "document": document(release), "env": {}})


def test_a_generation_needs_its_release(context: Context, release: str) -> None:
    with pytest.raises(AgentError, match=r"tree\.make comes first") as caught:
        make(context, 1, "0" * 64)
    assert caught.value.code == "no-release"
    with pytest.raises(AgentError, match="not a digest"):
        make(context, 1, "../../etc")


def test_a_copy_keeps_the_schema_that_its_source_left(context: Context, root: Root, release: str) -> None:
    make(context, 1, release)
    root.write(f"{generations.place(1)}/{generations.SCHEMA}", b'{"applied": ["0001"]}')
    generations.copy(context, {"number": 2, "source": 1, "document": {}})
    assert root.read(f"{generations.place(2)}/{generations.SCHEMA}") == b'{"applied": ["0001"]}'


def test_a_rollback_copies_an_earlier_generation_with_its_configuration(context: Context, root: Root, release: str) -> None:
    make(context, 1, release, kind="deploy")
    generations.copy(context, {"number": 7, "source": 1, "document": {"kind": "rollback", "deployment": "d7"}})
    assert generations.read(root, 7) == document(release, number=7, kind="rollback", deployment="d7")
    assert generations.env_of(root, 7) == ENV
    with pytest.raises(AgentError, match="generation 5 is not on this host any more") as caught:
        generations.copy(context, {"number": 8, "source": 5, "document": {}})
    assert caught.value.code == "no-generation"


def test_documents_are_read_by_number_and_what_is_not_there_is_left_out(context: Context, root: Root, release: str) -> None:
    make(context, 1, release)
    make(context, 2, release)
    assert sorted(generations.documents(root)) == [1, 2] and sorted(generations.documents(root, [2, 3])) == [2]
    assert generations.read(root, 3) is None
    with pytest.raises(Missing):
        generations.env_of(root, 3)


def test_a_document_that_was_damaged_is_named(context: Context, root: Root, release: str) -> None:
    make(context, 1, release)
    root.write("generations/000001/generation.json", b"{")
    with pytest.raises(AgentError, match=r"generation\.json does not hold what was written") as caught:
        generations.read(root, 1)
    assert caught.value.code == "damaged"


def test_a_document_that_was_read_is_read_again_only_when_it_is_another_file(context: Context, root: Root, release: str) -> None:
    make(context, 1, release)
    first = generations.read(root, 1)
    assert first is not None
    assert generations.read(root, 1) is first
    root.write("generations/000001/generation.json", b'{"number": 1, "release": "another"}')
    assert generations.read(root, 1) == {"number": 1, "release": "another"}
    root.remove("generations/000001")
    assert generations.read(root, 1) is None


def test_each_slot_names_an_instance_in_turn(context: Context, root: Root, release: str) -> None:
    make(context, 1, release)
    generations.write_slots(root, 1, {"web": ["127.0.0.1:1", "unix//run/s/2"], "api": ["127.0.0.1:3"]})
    slots = generations.read_slots(root, 1)
    assert len(slots) == 2 * generations.SLOTS == 24
    assert [slots[f"web.{i}"] for i in (1, 2, 3, 12)] == ["127.0.0.1:1", "unix//run/s/2", "127.0.0.1:1", "unix//run/s/2"]
    assert Path(root.path, "generations/000001/up/api.12").read_bytes() == b"127.0.0.1:3", "and no newline"


def test_slots_are_replaced_one_rename_each_and_a_reader_never_finds_none(context: Context, root: Root, release: str) -> None:
    make(context, 1, release)
    addresses = [f"127.0.0.1:{port}" for port in range(1000, 1060)]
    generations.write_slots(root, 1, {"web": addresses[:1]})
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        for address in addresses:
            generations.write_slots(root, 1, {"web": [address]})
        os._exit(0)
    os.close(read)
    os.close(write)
    path, seen = Path(root.path, "generations/000001/up/web.7"), set()
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        seen.add(path.read_text())
    assert seen <= set(addresses) and path.read_text() == addresses[-1]


def test_a_process_cannot_name_its_slot_out_of_the_directory(context: Context, root: Root, release: str) -> None:
    make(context, 1, release)
    for name in ("../web", "a/b", ""):
        if name:
            with pytest.raises(AgentError, match="not a plain"):
                generations.write_slots(root, 1, {name: ["127.0.0.1:1"]})
    with pytest.raises(AgentError, match="has no address"):
        generations.write_slots(root, 1, {"web": []})


def test_killed_in_the_middle_there_is_no_generation_under_its_number(root: Root, context: Context, release: str) -> None:
    died = 0
    for call, nth in (("symlink", 0), ("write", 1), ("fsync", 2), ("mkdir", 1), ("rename", 0)):
        pid = os.fork()
        if pid == 0:
            die_at(call, nth)
            with Journal(root) as journal:
                make(context_of(root, journal), 1, release)
            os._exit(0)
        died += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        assert generations.numbers(root) == [] and generations.read(root, 1) is None
    assert died == 5
    make(context, 1, release)
    assert root.names("generations") == ["000001"]

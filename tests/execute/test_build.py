"""A build host brings back what is not here yet, and nothing else. It is a real agent, in a root here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shipway.execute.build import build_on
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.model.errors import HostRefused
from shipway_agent.manifest import digest
from tests.execute.test_ship import Freight, Ground

ONE, TWO = b"one" * 5000, b"two" * 5000


class Builder(Ground):
    """One build host. `fetched` are the digests that it was asked for, `lines` what the last build printed."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(place, "b")
        self.fetched: list[str] = []
        self.lines: list[str] = []
        call = Fleet.call

        async def counted(fleet: Fleet, name: str, asked: str, args: Any = None, **more: Any) -> dict[str, Any]:
            if asked in ("get", "get_many"):
                self.fetched += [args["digest"]] if asked == "get" else [digest for digest, _ in args["blobs"]]
            return await call(fleet, name, asked, args, **more)

        monkeypatch.setattr(Fleet, "call", counted)

    def build(self, freight: Freight, into: Path, places: dict[str, str], *run: str, inputs: str = "inputs") -> bool:
        args = {"inputs": digest(inputs.encode()), "manifest": freight.release, "run": list(run), "outputs": ["out"]}
        into.mkdir(parents=True)
        self.fetched.clear()
        self.lines.clear()

        async def work(fleet: Fleet, tell: Tell) -> bool:
            whole = {**args, "env": {}, "timeout_seconds": 30.0, "tools": []}
            return await build_on(fleet, "b", freight, whole, into, places, tell, self.lines.append)

        return self.run(work)


def test_what_an_earlier_result_has_does_not_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = Builder(tmp_path, monkeypatch)
    assert not builder.build(Freight({b"a": ONE, b"b": TWO}), tmp_path / "1/tree", {}, "mkdir out; cp a out/a; cp b out/b")
    assert (tmp_path / "1/tree/out/a").read_bytes() == ONE
    places = {digest(ONE): str(tmp_path / "1/tree/out/a"), digest(TWO): str(tmp_path / "1/tree/out/b")}
    (tmp_path / "1/tree/out/b").write_bytes(b"damaged since")
    run = "mkdir out; cp a out/a; cp a out/again; cp b out/b"
    assert not builder.build(Freight({b"a": ONE, b"b": TWO}), tmp_path / "2/tree", places, run, inputs="others")
    assert digest(ONE) not in builder.fetched and digest(TWO) in builder.fetched
    made = {path.name: path.read_bytes() for path in (tmp_path / "2/tree/out").iterdir()}
    assert made == {"a": ONE, "again": ONE, "b": TWO}
    assert builder.build(Freight({b"a": ONE, b"b": TWO}), tmp_path / "3/tree", {}, run, inputs="others"), "it is kept there"


def test_a_command_that_fails_is_told_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = Builder(tmp_path, monkeypatch)
    with pytest.raises(HostRefused) as raised:
        builder.build(Freight({b"a": ONE}), tmp_path / "1/tree", {}, "echo first; exit 3")
    assert raised.value.code == "build-failed" and raised.value.lines[-1:] == ("first",)
    assert builder.lines == ["$ echo first; exit 3", "first"]
    assert list((tmp_path / "1/tree").iterdir()) == []

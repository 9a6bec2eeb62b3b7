"""The hands of the daemon, turn by turn in this process: what a journal that cannot be written may and may not cause."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent import copies, reconcile
from shipway_agent.copies import Copies, Turn
from shipway_agent.errors import AgentError
from shipway_agent.journal import ProcessRow
from shipway_agent.primitives import generations
from shipway_agent.reconcile import Rule
from shipway_agent.wants import Instance
from tests.agent.lodge import Lodge, lodge, process, wait


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lodge]:
    with lodge(tmp_path / "r") as one:
        yield one


class Hands:
    """Copies of a root, with a journal that the test can break."""

    def __init__(self, home: Lodge) -> None:
        self.home = home
        self.said: list[str] = []
        self.copies = Copies(home.root, home.journal, lambda: None, lambda: None, self.said.append)
        self.copies.find_again(copies.now())

    def turn(self, *wanted: Instance) -> None:
        numbers = {copy.generation for copy in wanted} | {row.generation for row in self.copies.rows}
        self.copies.turn(Turn(frozenset(wanted), None, generations.documents(self.home.root, numbers), copies.now()))

    def close(self) -> None:
        self.copies.end_all()
        copies.reap()


@pytest.fixture
def hands(home: Lodge) -> Iterator[Hands]:
    one = Hands(home)
    yield one
    one.close()


def test_a_journal_that_refuses_the_pid_does_not_start_a_copy_twice(home: Lodge, hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    home.generation(1, process("worker", None))
    put = home.journal.put_process
    refused: list[ProcessRow] = []

    def put_process(row: ProcessRow) -> None:
        if row.pid is not None:
            refused.append(row)
            raise AgentError("disk-full", "no space is left")
        put(row)

    monkeypatch.setattr(home.journal, "put_process", put_process)
    for _ in range(5):
        hands.turn(Instance(1, "worker", 1))
    assert len(wait(home.living)) == 1
    assert (row := home.row(1, "worker")) is not None
    assert row.pid is None
    monkeypatch.undo()
    until = time.monotonic() + 2  # it becomes up, which is written
    while time.monotonic() < until and hands.copies.rows[0].state != "up":
        hands.turn(Instance(1, "worker", 1))
        time.sleep(0.05)
    assert home.wait_row(1, "worker").pid == refused[0].pid
    assert set(home.living()) == {refused[0].pid}


def test_a_journal_that_refuses_the_token_starts_nothing(home: Lodge, hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    home.generation(1, process("worker", None))

    def refuse(row: ProcessRow) -> None:
        raise AgentError("disk-full", "no space is left")

    monkeypatch.setattr(home.journal, "put_process", refuse)
    for _ in range(3):
        hands.turn(Instance(1, "worker", 1))
    assert not home.living()
    assert any("no space is left" in line for line in hands.said)


def test_a_directory_outside_the_release_is_refused_and_its_log_says_so(home: Lodge, hands: Hands) -> None:
    home.generation(1, process("worker", None, directory="../../../.."))
    hands.turn(Instance(1, "worker", 1))
    assert not home.living()
    assert (row := home.row(1, "worker")) is not None
    assert row.exit == 127
    folder = Path(home.root.path) / "logs"
    assert "is no directory of the release" in "".join(path.read_text() for path in folder.glob("worker.1*.log"))


def test_what_crashed_is_tried_again_by_itself_and_comes_back_once_its_cause_is_gone(
    home: Lodge, hands: Hands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reconcile, "TRY_AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(reconcile, "FIRST_PAUSE_SECONDS", 0.02)
    home.generation(1, process("worker", None, run=["/bin/sh", "-c", f"test -e {tmp_path}/mended || exit 7; exec sleep 60"]))

    def state() -> str:
        hands.turn(Instance(1, "worker", 1))
        return hands.copies.rows[0].state

    wait(lambda: state() == "crashed")
    starts = hands.copies.rows[0].restarts
    wait(lambda: state() == "crashed" and hands.copies.rows[0].restarts >= starts + 2, what="two more tries, one death each")
    (tmp_path / "mended").touch()
    wait(lambda: state() == "up")
    assert set(home.living()) == {hands.copies.rows[0].pid}


def test_the_rule_of_a_process_whose_generation_is_gone_is_the_default() -> None:
    assert copies.rule_of(None, "web") == Rule()
    assert copies.rule_of({"processes": [process(drain_seconds=7)]}, "web") == Rule(True, 7.0, True)

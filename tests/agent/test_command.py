"""A command runs in the live release with its environment, hears and is heard byte by byte, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from shipway_agent.body import Body
from shipway_agent.call import Call, Place
from shipway_agent.command import WINDOW_BYTES, execute
from shipway_agent.errors import AgentError
from shipway_agent.group import known, marks
from tests.agent.workshop import NUMBER, RELEASE, Workshop, workshop

PYTHON = sys.executable
TERMINAL = {"rows": 20, "columns": 60, "term": "xterm"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with workshop(tmp_path / "root", {"common": {"SECRET": "s3"}}) as one:
        os.symlink(f"generations/{NUMBER:06}", one.home / "current")
        yield one
        for pid in living(one):
            os.kill(pid, signal.SIGKILL)


class Running:
    """A call of `exec` under way in a thread; what it wrote is taken at once unless `takes` is false."""

    def __init__(self, shop: Workshop, argv: Sequence[str], *, takes: bool = True, **args: Any) -> None:
        self.body = Body()
        self.said = {1: b"", 2: b""}
        self.taken = 0
        self.answer: dict[str, Any] = {}
        self.error: AgentError | None = None
        self._takes = takes
        self._call = Call(
            Place(shop.root, shop.root.full("proxy"), "a", "agent"), {"argv": argv, **args}, self.body, self._hear, shop.ended
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._call as call:
                self.answer = execute(call)
        except AgentError as error:
            self.error = error
        self.body.drop()

    def _hear(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "taken":
            self.taken += event["bytes"]
            return
        data = b64decode(event["data"])
        self.said[event["stream"]] += data
        if self._takes:
            self.take(len(data))

    def take(self, count: int) -> None:
        self.body.feed(b"a" + count.to_bytes(4, "big"))

    def type(self, text: bytes) -> None:
        self.body.feed(b"d" + text)

    def says(self, text: bytes) -> None:
        assert self.waits(text, 30.0), (self.said, self.answer, self.error)

    def waits(self, text: bytes, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while text not in self.said[1]:
            assert self._thread.is_alive(), (self.said, self.answer, self.error)
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def ended(self) -> int:
        self._thread.join(60)
        assert not self._thread.is_alive() and self.error is None, self.error
        return int(self.answer["exit"])


def living(shop: Workshop) -> list[int]:
    return [
        pid for pid, marker in marks().items() if marker.startswith(f"exec/{shop.root.digest}/") and (one := known(pid)) and not one.dead
    ]


def test_it_runs_without_a_shell_in_the_release_with_its_environment(shop: Workshop) -> None:
    program = "import os, sys; print(os.getcwd(), os.environ['SECRET'], os.environ['RELEASE'], sys.argv[1:]); sys.exit(7)"
    running = Running(shop, [PYTHON, "-c", program, "$HOME; ls", "b c"])
    assert running.ended() == 7
    assert running.said[1].decode() == f"{shop.home}/releases/{RELEASE} s3 v1 ['$HOME; ls', 'b c']\n"
    assert running.answer["generation"] == NUMBER


def test_stdout_and_stderr_are_two_and_stdin_has_an_end(shop: Workshop) -> None:
    running = Running(shop, ["sh", "-c", "echo oops >&2; exec cat"])
    running.type(b"one\x00\xfftwo")
    running.body.feed(b"e")
    assert running.ended() == 0
    assert running.said == {1: b"one\x00\xfftwo", 2: b"oops\n"}


def test_what_it_does_not_read_and_what_nobody_takes_wait_for_each_other_for_ever_nowhere(shop: Workshop) -> None:
    running = Running(shop, ["cat"])
    part = b"x" * 65536
    for _ in range(32):
        running.type(part)
    running.body.feed(b"e")
    assert running.ended() == 0
    assert running.said[1] == part * 32
    assert running.taken == 32 * len(part)


def test_a_signal_that_ends_it_is_told(shop: Workshop) -> None:
    assert Running(shop, ["sh", "-c", "kill -TERM $$"]).ended() == -15


def test_what_cannot_be_started_says_so_as_a_shell_would(shop: Workshop) -> None:
    for terminal in (None, TERMINAL):
        running = Running(shop, ["no-such-program"], terminal=terminal)
        assert running.ended() == 127
        assert b"no-such-program cannot be started: No such file" in running.said[1] + running.said[2]


def test_a_terminal_has_a_size_that_can_change_and_keys_that_mean_something(shop: Workshop) -> None:
    running = Running(shop, ["sh"], terminal=TERMINAL)
    running.type(b"stty size; echo $TERM; tty > /dev/null && echo a-terminal\n")
    running.says(b"20 60\r\nxterm\r\na-terminal")
    running.body.feed(b"s" + (30).to_bytes(2, "big") + (100).to_bytes(2, "big"))
    running.type(b"stty size\n")
    running.says(b"30 100")
    running.type(b"echo asleep; sleep 1000\n")
    running.says(b"asleep\r\n")
    while b"still here 42" not in running.said[1]:  # the signal may come between two commands, and takes along what is typed behind it
        running.type(b"\x03")
        running.waits(b"still here 42", 0.3)
        running.type(b"echo still here $((6 * 7))\n")
        running.waits(b"still here 42", 1.0)
    running.body.feed(b"e")
    assert running.ended() in (0, 130)


def test_whoever_reads_slowly_slows_it_down(shop: Workshop) -> None:
    running = Running(shop, ["head", "-c", str(8 * WINDOW_BYTES), "/dev/zero"], takes=False)
    taken = 0
    while taken < 8 * WINDOW_BYTES:
        deadline = time.monotonic() + 30
        while len(running.said[1]) == taken:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        now = len(running.said[1])
        assert now - taken <= WINDOW_BYTES + 32 * 1024
        running.take(now - taken)
        taken = now
    assert running.ended() == 0


@pytest.mark.parametrize("terminal", [None, TERMINAL])
def test_a_channel_that_ends_takes_the_command_and_all_of_its_children_along(shop: Workshop, terminal: dict[str, Any] | None) -> None:
    running = Running(shop, ["sh", "-c", "(setsid sleep 1000 &) ; echo up; sleep 1000"], terminal=terminal)
    running.says(b"up")
    running.body.cut()
    assert running.ended() != 0
    assert living(shop) == []


def test_what_it_left_in_the_background_is_ended_with_it(shop: Workshop) -> None:
    running = Running(shop, ["sh", "-c", "setsid sleep 1000 & echo done"])
    assert running.ended() == 0
    assert running.said[1] == b"done\n"
    assert living(shop) == []


def test_where_nothing_serves_nothing_runs(shop: Workshop) -> None:
    os.unlink(shop.home / "current")
    running = Running(shop, ["true"])
    running._thread.join(30)
    assert running.error is not None and running.error.code == "no-generation"


def test_the_journal_has_who_and_which_program_and_how_it_ended_and_no_argument(shop: Workshop) -> None:
    assert Running(shop, ["sh", "-c", "exit 3", "hunter2"], who="ann@laptop").ended() == 3
    (began,), (ended,) = shop.journal.events(kind="exec"), shop.journal.events(kind="exec ended")
    token = began["data"]["id"]
    assert began["data"] == {"id": token, "program": "sh", "who": "ann@laptop", "generation": NUMBER}
    assert token and ended["data"] == {"id": token, "exit": 3}


def test_a_process_that_is_not_there_is_named_with_those_that_are(shop: Workshop) -> None:
    running = Running(shop, ["true"], process="mail")
    running._thread.join(30)
    assert running.error is not None and running.error.code == "no-process"

"""`exec` and `console`: a command in the release that serves, with what is typed, what it says and its exit code as if it ran here."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.stories.project import BYTECODE, SHIPWAY, eventually
from tests.stories.shop import Shop


@pytest.fixture(scope="module")
def shop(common_place: Path) -> Iterator[Shop]:
    shop = Shop(common_place, ("a", "b"))
    shop.project.deploy("v1")
    yield shop


def run(shop: Shop, *words: str, typed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **BYTECODE, **shop.project.env, "NO_COLOR": "1"}
    return subprocess.run(
        [SHIPWAY, *words], cwd=shop.project.directory, env=environment, input=typed, capture_output=True, timeout=120, check=False
    )


def test_bytes_go_in_and_come_out_as_they_are_and_the_exit_code_is_the_commands(shop: Shop) -> None:
    data = bytes(range(256)) * 4096
    ended = run(shop, "exec", "local", "--", "sh", "-c", "cat; echo oops >&2; exit 7", typed=data)
    assert (ended.returncode, ended.stdout == data, ended.stderr) == (7, True, b"oops\n")
    assert run(shop, "exec", "local", "--", "sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM
    ended = run(shop, "exec", "local", "--host", "b", "--process", "web", "--", "sh", "-c", "echo $RELEASE; pwd")
    assert ended.stdout.decode().splitlines()[0] == "v1"
    assert str(shop.roots["b"]) in ended.stdout.decode()


def test_on_all_hosts_each_line_says_whose_it_is(shop: Shop) -> None:
    said = shop.project.run("exec", "local", "--all", "--", "sh", "-c", "echo here; printf unended")
    assert sorted(said.out.splitlines()) == ["a sh | here", "a sh | unended", "b sh | here", "b sh | unended"]
    lines = shop.project.run("exec", "local", "--all", "--json", "--", "false", code=1).lines
    assert lines[-1]["data"]["exit"] == {"a": 1, "b": 1}


def test_what_cannot_be_run_is_refused_before_it_runs(shop: Shop) -> None:
    said = shop.project.run("exec", "local", "--host", "c", "--", "true", code=2)
    assert "no host of local is called c; there are a, b" in said.text
    said = shop.project.run("exec", "local", "--process", "mail", "--", "true", code=3)
    assert "no process 'mail' is on this host; there is web" in said.text
    said = shop.project.run("exec", "local", "--", "no-such-program", code=127)
    assert "no-such-program cannot be started" in said.err
    assert "needs a terminal" in shop.project.run("console", "local", code=2).text


def test_a_console_on_a_terminal(shop: Shop) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, **BYTECODE, **shop.project.env, "TERM": "xterm"}
    child = subprocess.Popen(
        [SHIPWAY, "console", "local"],
        cwd=shop.project.directory,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""

    def says(pattern: bytes) -> None:
        nonlocal seen
        deadline = time.monotonic() + 60
        while not re.search(pattern, seen):
            assert time.monotonic() < deadline, seen
            seen += os.read(ours, 65536)

    try:
        says(rb"[$#] ")
        os.write(ours, b"echo answer $((6 * 7)) $SHIPWAY_ENVIRONMENT\n")
        says(rb"answer 42 local\r\n")
        os.write(ours, b"echo asleep; sleep 1000\n")
        says(rb"[\r\n]asleep\r\n")
        deadline = time.monotonic() + 60
        while child.poll() is None:  # the signal may come between two commands, and takes along what is typed right behind it
            assert time.monotonic() < deadline, seen
            with suppress(OSError):  # it has ended
                os.write(ours, b"\x03")
                time.sleep(0.5)
                os.write(ours, b"exit 5\n")
            time.sleep(0.5)
        assert child.returncode == 5
    finally:
        os.close(ours)
        child.kill()
        child.wait()


def test_an_agent_that_dies_is_no_good_end(shop: Shop) -> None:
    """The command had begun: nobody says that nothing was touched."""
    marker = shop.place / "agent"
    child = shop.project.start("exec", "local", "--host", "a", "--", "sh", "-c", f"echo $PPID > '{marker}'; exec sleep 1000")
    try:
        eventually(lambda: marker.exists() and marker.read_text().strip().isdigit(), "the command runs")
        os.kill(int(marker.read_text()), signal.SIGKILL)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 4, out + err
    assert "it had begun, and what it did stands" in out + err
    assert "nothing was touched" not in out + err


def test_who_is_killed_takes_the_command_along(shop: Shop) -> None:
    marker = shop.place / "pid"
    child = shop.project.start("exec", "local", "--", "sh", "-c", f"echo $$ > '{marker}'; exec sleep 1000")
    try:
        eventually(lambda: marker.exists() and marker.read_text().strip().isdigit(), "the command runs")
    finally:
        child.kill()
        child.communicate()
    pid = int(marker.read_text())
    eventually(lambda: not Path(f"/proc/{pid}").exists(), "the command has ended")

"""A command in, what it prints out: within its time, without a shell unless one was asked for, and nothing of it left or told."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from shipway.config.secrets.command import ask
from shipway.config.secrets.value import MOST_BYTES
from shipway.model.intent import Command


def asked(command: Command, directory: Path, timeout_seconds: float = 30.0, **environment: str) -> str:
    return asyncio.run(ask(command, directory=directory, environment={**os.environ, **environment}, timeout_seconds=timeout_seconds))


def refusal(command: Command, directory: Path, timeout_seconds: float = 30.0) -> str:
    with pytest.raises(ValueError) as raised:
        asked(command, directory, timeout_seconds)
    return str(raised.value)


def test_a_list_runs_without_a_shell_and_a_string_with_one(tmp_path: Path) -> None:
    assert asked(("echo", "$HOME;", "a  b"), tmp_path) == "$HOME; a  b"
    assert asked("printf %s $TOKEN-x", tmp_path, TOKEN="t0ken") == "t0ken-x"


def test_it_runs_in_the_directory_of_shipway_toml_without_input_or_terminal(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_text("from a file\n")
    assert asked(("cat", "sealed"), tmp_path) == "from a file"
    assert (
        asked("cat; test -t 0 || echo no terminal; (: </dev/tty) 2>/dev/null || echo none at all", tmp_path) == "no terminal\nnone at all"
    )


def test_one_line_break_at_the_end_goes_and_others_stay(tmp_path: Path) -> None:
    assert asked(("printf", r"-----BEGIN KEY-----\nabc\n\n"), tmp_path) == "-----BEGIN KEY-----\nabc\n"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("echo s3cret; echo s3cret >&2; exit 3", "ended with 3"),
        ("echo s3cret; kill -9 $$", "was ended by signal 9"),
        (("no-such-command-here", "s3cret"), "cannot be started: No such file or directory"),
        ("true # s3cret", "ended well, but what it printed is empty"),
        (r"printf 's3cret\0x'", "ended well, but what it printed holds a NUL byte, which no process can receive"),
        (r"printf 's3cret\377'", "ended well, but what it printed is not UTF-8 text (encode it, with base64 for example)"),
        ("yes s3cret", f"printed more than {MOST_BYTES:,} bytes, and was ended"),
    ],
)
def test_what_is_wrong_is_said_without_what_it_printed(command: Command, sentence: str, tmp_path: Path) -> None:
    said = refusal(command, tmp_path)
    assert said == sentence and "s3cret" not in said


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    assert refusal(("sleep", "1000"), tmp_path, timeout_seconds=1.0) == "did not end within 1 s, and was ended"


def test_whoever_interrupts_it_leaves_nothing_of_it_running(tmp_path: Path) -> None:
    async def interrupted() -> None:
        command = "sleep 1000 & echo $! >written; mv written child; wait"
        task = asyncio.ensure_future(ask(command, directory=tmp_path, environment=os.environ, timeout_seconds=600.0))
        deadline = time.monotonic() + 60
        while not (tmp_path / "child").exists():
            assert time.monotonic() < deadline, "the command never began"
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 30
    while is_running(child):
        assert time.monotonic() < deadline, "the child of the command runs on"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_whoever_keeps_its_output_open_and_leaves_its_group_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    said = refusal("echo s3cret; setsid sh -c 'echo $$ > pid; exec sleep 1000' & sleep 1000", tmp_path, timeout_seconds=3.0)
    assert said == "did not end within 3 s, and was ended"
    assert time.monotonic() - began < 60
    pid = tmp_path / "pid"
    if pid.exists():  # on a very busy machine it was ended before it left the group
        os.kill(int(pid.read_text()), signal.SIGKILL)

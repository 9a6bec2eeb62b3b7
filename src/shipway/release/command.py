"""A command in, its lines as they come and how it ended out; nothing of it is left running afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event

from shipway.model.intent import Command
from shipway_agent.record import dataclass

LAST_LINES = 20
LONGEST_LINE_BYTES = 4096
SHOWN_LINES = 10_000
"""Of each command this many lines are told; of the rest only the last ones are kept."""

LOOK_SECONDS = 0.2
GRACE_SECONDS = 2.0
AFTER_SECONDS = 1.0
"""How long what the command left behind may still write."""


@dataclass(frozen=True, slots=True)
class Ending:
    """`code` is None when the command was stopped: after `timeout_seconds`, or because somebody asked. `lines` are its last ones."""

    code: int | None
    lines: tuple[str, ...]
    seconds: float
    stopped: bool = False


def run(
    command: Command,
    *,
    directory: Path,
    environment: Mapping[str, str],
    timeout_seconds: float,
    on_line: Callable[[str], None],
    stop: Event | None = None,
) -> Ending:
    """Run it in a process group of its own, and end the whole group with it. Setting `stop` ends it early.

    A command that cannot be started ends with 127, as in a shell.
    """
    began = time.monotonic()
    arguments = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
    last: deque[bytes] = deque(maxlen=LAST_LINES)
    count = 0
    try:
        process = subprocess.Popen(
            arguments,
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        why = f"{arguments[0]}: {error.strerror}"
        on_line(why)
        return Ending(127, (why,), 0.0)
    try:
        for line in _lines(process, began + timeout_seconds, stop):
            last.append(line)
            count += 1
            if count <= SHOWN_LINES:
                on_line(_plain(line))
    finally:
        code = process.poll()
        _end(process)
    if count > SHOWN_LINES:
        on_line(f"… and {count - SHOWN_LINES:,} lines more that are not shown")
    return Ending(code, tuple(map(_plain, last)), time.monotonic() - began, stopped=stop is not None and stop.is_set())


def text_of(command: Command) -> str:
    """The command as a person would type it."""
    return command if isinstance(command, str) else " ".join(command)


def _lines(process: subprocess.Popen[bytes], deadline: float, stop: Event | None) -> Iterator[bytes]:
    """Until it has ended and nothing more comes, or until the deadline, or until `stop`."""
    assert process.stdout is not None
    rest = b""
    writing = True
    ended = 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            if process.poll() is not None:
                ended = ended or now
            if now > deadline or (stop is not None and stop.is_set()) or (ended and (not writing or now > ended + AFTER_SECONDS)):
                break
            if not writing:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_SECONDS)
                continue
            if not selector.select(LOOK_SECONDS):
                continue
            piece = os.read(process.stdout.fileno(), 65536)
            writing = bool(piece)
            *whole, rest = re.split(rb"\r\n|\n|\r", rest + piece)
            while len(rest) > LONGEST_LINE_BYTES:
                whole.append(rest[:LONGEST_LINE_BYTES])
                rest = rest[LONGEST_LINE_BYTES:]
            yield from whole
    if rest:
        yield rest


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of its group is left: asked first, then killed. What has left the group is beyond reach."""
    for number, wait_seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        if not _signal(process.pid, number):
            break
        until = time.monotonic() + wait_seconds
        while time.monotonic() < until:
            process.poll()
            if not _signal(process.pid, 0):
                break
            time.sleep(0.02)
    if process.stdout is not None:
        process.stdout.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def _plain(line: bytes) -> str:
    """A line without what would move a terminal's cursor or change its colours."""
    text = _ESCAPE.sub("", line[:LONGEST_LINE_BYTES].decode("utf-8", "replace")).expandtabs()
    return "".join(char for char in text if char.isprintable())

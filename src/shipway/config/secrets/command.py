"""A command that prints a secret in, the value out. What it prints is kept in memory only, and no message holds any of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from shipway.config.secrets.value import MOST_BYTES, read_value
from shipway.model.intent import Command, Hidden

PIECE_BYTES = 1 << 16
LOOK_SECONDS = 0.02


async def ask(command: Command, *, directory: Path, environment: Mapping[str, str], timeout_seconds: float) -> Hidden:
    """What the command prints, when it ends with 0 within its time. A list runs without a shell.

    It has no terminal and no input; what it writes to stderr is thrown away, for that may show the value too. Raises ValueError with
    a sentence of which the command is the subject. Nothing of its process group is left running.
    """
    arguments = ("/bin/sh", "-c", command) if isinstance(command, str) else command
    stop = threading.Event()
    asked = asyncio.ensure_future(asyncio.to_thread(_run, arguments, directory, environment, timeout_seconds, stop))
    try:
        code, printed = await asyncio.shield(asked)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([asked])
        raise
    if code != 0:
        raise ValueError(f"ended with {code}" if code > 0 else f"was ended by signal {-code}")
    try:
        return read_value(printed)
    except ValueError as fault:
        raise ValueError(f"ended well, but what it printed {fault}") from None


def _run(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str], timeout_seconds: float, stop: threading.Event
) -> tuple[int, bytes]:
    """In a thread: asyncio waits for a child until whoever has its pipe lets go of it, also when that is never."""
    nothing, until = subprocess.DEVNULL, time.monotonic() + timeout_seconds
    try:
        process = subprocess.Popen(
            arguments,
            cwd=directory,
            env=dict(environment),
            stdin=nothing,
            stdout=subprocess.PIPE,
            stderr=nothing,
            start_new_session=True,
        )
    except OSError as error:
        raise ValueError(f"cannot be started: {error.strerror}") from None
    assert process.stdout is not None
    try:
        printed = _printed(process.stdout.fileno(), until, stop)
        while (code := process.poll()) is None and time.monotonic() < until and not stop.is_set():
            time.sleep(LOOK_SECONDS)
        if code is None:
            raise TimeoutError
        return code, printed
    except TimeoutError:
        raise ValueError(f"did not end within {timeout_seconds:g} s, and was ended") from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()


def _printed(pipe: int, until: float, stop: threading.Event) -> bytes:
    """Its whole output. Raises ValueError for more than a value may have, TimeoutError when it does not end."""
    printed = b""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while time.monotonic() < until and not stop.is_set():
        if not poll.poll(LOOK_SECONDS * 1000):
            continue
        piece = os.read(pipe, PIECE_BYTES)
        if not piece:
            return printed
        printed += piece
        if len(printed) > MOST_BYTES + 2:
            raise ValueError(f"printed more than {MOST_BYTES:,} bytes, and was ended")
    raise TimeoutError

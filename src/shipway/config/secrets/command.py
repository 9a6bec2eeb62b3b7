"""A command that prints a secret in, the value out. What it prints is kept in memory only, and no message holds any of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from shipway.config.secrets.value import MOST_BYTES, read_value
from shipway.model.intent import Command, Hidden

PIECE_BYTES = 1 << 16


async def ask(command: Command, *, directory: Path, environment: Mapping[str, str], timeout_seconds: float) -> Hidden:
    """What the command prints, when it ends with 0 within its time. A list runs without a shell.

    It has no terminal and no input; what it writes to stderr is thrown away, for that may show the value too. Raises ValueError with
    a sentence of which the command is the subject. Nothing of its process group is left running.
    """
    arguments = ("/bin/sh", "-c", command) if isinstance(command, str) else command
    nothing = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=directory,
            env=dict(environment),
            stdin=nothing,
            stdout=asyncio.subprocess.PIPE,
            stderr=nothing,
            start_new_session=True,
        )
    except OSError as error:
        raise ValueError(f"cannot be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(timeout_seconds):
            printed = await _printed(process)
            code = await process.wait()
    except TimeoutError:
        raise ValueError(f"did not end within {timeout_seconds:g} s, and was ended") from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if code != 0:
        raise ValueError(f"ended with {code}" if code > 0 else f"was ended by signal {-code}")
    try:
        return read_value(printed)
    except ValueError as fault:
        raise ValueError(f"ended well, but what it printed {fault}") from None


async def _printed(process: asyncio.subprocess.Process) -> bytes:
    """Its whole output, or a little more than a value may have: then nobody reads on."""
    assert process.stdout is not None
    printed = b""
    while len(printed) <= MOST_BYTES + 2:
        piece = await process.stdout.read(PIECE_BYTES)
        if not piece:
            return printed
        printed += piece
    os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    raise ValueError(f"printed more than {MOST_BYTES:,} bytes, and was ended")

"""The words of a program of the operator's in, what it says out: for small questions to the OpenSSH client and its kin."""

from __future__ import annotations

import asyncio
import os
import subprocess

ASK_SECONDS = 10.0


async def said(*argv: str) -> str:
    """Its output; "" where it is not there, fails or does not end in time. It is never asked anything back."""
    return await asyncio.to_thread(_run, argv)


def _run(argv: tuple[str, ...]) -> str:
    environment = {**os.environ, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=ASK_SECONDS, env=environment, check=False, start_new_session=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""

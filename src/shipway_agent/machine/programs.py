"""The words of a program of the system in, what it said out: bounded, without a shell, in English."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import List, Optional, Sequence

from shipway_agent.errors import AgentError
from shipway_agent.surroundings import PATH
from shipway_agent.text import clean

RUN_SECONDS = 30.0
MOST_LINES = 20


def find(name: str) -> Optional[str]:
    """The path of a program, also where the login's PATH lacks the directories of root."""
    return shutil.which(name, path=PATH)


def run(argv: Sequence[str], *, input: bytes = b"", timeout_seconds: float = RUN_SECONDS) -> str:
    """Its output. Raises AgentError `program` with its last lines when it fails, cannot be run or does not end in time."""
    said = attempt(argv, input=input, timeout_seconds=timeout_seconds)
    if said.returncode != 0:
        lines = _lines(said.stderr or said.stdout)
        reason = lines[-1] if lines else "no reason given"
        raise AgentError("program", f"`{' '.join(argv)}` ended with {said.returncode}: {reason}", lines)
    return said.stdout.decode("utf-8", "replace")


def attempt(argv: Sequence[str], *, input: bytes = b"", timeout_seconds: float = RUN_SECONDS) -> subprocess.CompletedProcess[bytes]:
    """As `run`, whatever its exit code. Raises AgentError `program` where it cannot be run or does not end in time."""
    environment = {"PATH": PATH, "LC_ALL": "C", "HOME": os.environ.get("HOME", "/")}
    try:
        return subprocess.run(list(argv), input=input, capture_output=True, timeout=timeout_seconds, env=environment, check=False)
    except OSError as error:
        raise AgentError("program", f"{argv[0]} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise AgentError("program", f"`{' '.join(argv)}` did not end within {timeout_seconds:g} s") from None


def _lines(said: bytes) -> List[str]:
    return [clean(line) for line in said.decode("utf-8", "replace").strip().splitlines()[-MOST_LINES:]]

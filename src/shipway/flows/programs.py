"""Nothing in; out, the programs of this machine that a deployment needs, and what each says of its version."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from shipway.plan.checks.operator import Program
from shipway.release.git import clean_environment

SECONDS = 10.0


def git() -> Program:
    """What is shipped comes from it."""
    return _asked(["git", "--version"])


def ssh() -> Program:
    """Hosts are reached with it."""
    return _asked(["ssh", "-V"])


def _asked(argv: Sequence[str]) -> Program:
    try:
        done = subprocess.run(argv, capture_output=True, env=clean_environment(), timeout=SECONDS, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return Program(argv[0], None)
    said = (done.stdout or done.stderr).decode("utf-8", "replace").strip().splitlines()
    return Program(argv[0], said[0] if said else argv[0])

"""A root in; out, whether something on this machine will start its supervisor after a reboot."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from typing import Iterable

LINGER = "/var/lib/systemd/linger"
CRONTAB_SECONDS = 5.0


@cache
def starts_after_reboot(root: str, user: str, home: str) -> bool:
    """An @reboot line in the user's crontab, or an enabled user unit with lingering, that names this root and `supervise`. Asked once."""
    return any(_names(line, root) for line in _reboot_lines()) or (os.path.exists(f"{LINGER}/{user}") and _unit_names(root, home))


def _reboot_lines() -> Iterable[str]:
    try:
        found = subprocess.run(["crontab", "-l"], capture_output=True, timeout=CRONTAB_SECONDS, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []  # no cron here, or none for this user
    return [line for line in found.stdout.decode("utf-8", "replace").splitlines() if line.lstrip().startswith("@reboot")]


def _unit_names(root: str, home: str) -> bool:
    wanted = f"{home}/.config/systemd/user/default.target.wants"
    try:
        units = [f"{wanted}/{name}" for name in os.listdir(wanted) if name.startswith("shipway")]
        return any(_names(line, root) for unit in units for line in _lines(unit))
    except OSError:
        return False


def _lines(path: str) -> Iterable[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(1 << 16).splitlines()


def _names(line: str, root: str) -> bool:
    return "supervise" in line and root in line

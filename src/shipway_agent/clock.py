"""Nothing in, a time out: seconds since boot, which boot it was, when a process started, and the wall clock for people."""

from __future__ import annotations

import os
import time

from shipway_agent.typed import Optional


def boot_now() -> float:
    """Seconds since this host booted, sleep included. Every deadline and lease counts on it: nobody can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """The name of this boot. `SHIPWAY_BOOT_ID` in the environment takes its place, so that tests can reboot."""
    override = os.environ.get("SHIPWAY_BOOT_ID")
    if override:
        return override
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def wall_now() -> float:
    """Seconds since the epoch, for people only: it may jump, and no decision reads it."""
    return time.time()


def process_start(pid: int) -> Optional[int]:
    """When a process started, in clock ticks since boot; None where it is gone or a zombie. With the pid it names a process for good."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command's name in parentheses and may hold spaces and parentheses itself.
    fields = text[text.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])

"""Nothing in, a description of this machine and of its load out."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

from tests.hosts import disk

ROOT = Path(__file__).parents[2]


def about() -> dict[str, str]:
    """What a reader must know to judge the figures; all of it text."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "machine": f"{platform.system()} {platform.release()}, {os.cpu_count()} × {model}, {memory:.0f} GB",
        "python": platform.python_version(),
        "ssh": _said("ssh", "-V"),
        "disk": "one of the hosts' own" if disk.why_not() is None else f"this machine's ({disk.why_not()})",
        "commit": _said("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        "began": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def load() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]


def _said(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return (done.stdout or done.stderr).strip()

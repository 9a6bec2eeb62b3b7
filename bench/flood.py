"""Nothing in; out, what an application that writes without end costs its host: supervisor, logs, health, and the next deployment.

Run from the checkout: .venv/bin/python -m bench.flood [SECONDS]
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shipway_agent import probes
from shipway_agent.journal import Journal
from shipway_agent.root import Root
from tests.agent.lodge import Lodge, lodge, process, wait

PACED = """
import os, sys, time
lines = b"0123456\\n" * 10_000
began, count = time.monotonic(), 0
while True:
    os.write(1 + count % 2, lines)
    count += 1
    time.sleep(max(0.0, began + count / 100 - time.monotonic()))
"""

FLOODS: Mapping[str, list[str] | str] = {
    "nothing": "exec sleep 600",
    "a million short lines a second": [sys.executable, "-c", PACED],
    "short lines, as fast as it can": "exec yes short",
    "lines of 10 MB": [sys.executable, "-c", "import os\nwhile True: os.write(1, b'x' * 10_000_000 + b'\\n')"],
    "one line that never ends": "tr '\\0' x < /dev/zero",
    "binary rubbish": "exec cat /dev/urandom",
}
"""What the second process of the application does, beside one that answers."""


@dataclass
class Watch:
    """What is seen from outside while a flood lasts."""

    path: str
    most_log_bytes: int = 0
    slowest_seconds: float = 0.0
    unanswered: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until `end`: the size of the logs and an answer of the application, ten times a second."""
        with Root(self.path) as root, Journal(root) as journal:
            while not self._over.wait(0.1):
                self.most_log_bytes = max(self.most_log_bytes, log_bytes(self.path))
                for row in journal.processes():
                    if row.name == "web" and row.state == "up" and row.address:
                        self._ask(row.address)

    def _ask(self, address: str) -> None:
        began = time.monotonic()
        self.unanswered += probes.ask(address, "/up", 10).status != 200
        self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)

    def end(self) -> None:
        self._over.set()


def main() -> int:
    """Print one line a flood."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; each flood lasts {seconds:g} s, then a deployment comes while it goes on"
    )
    print(f"{'':32}{'supervisor':>12}{'memory':>16}{'logs at most':>14}{'slowest /up':>13}{'deployment':>12}")
    for name, run in FLOODS.items():
        with tempfile.TemporaryDirectory(prefix="shipway-bench-") as folder, lodge(Path(folder) / "r") as home:
            print(f"{name:32}{_measured(home, run, seconds)}", flush=True)
    return 0


def log_bytes(root: str) -> int:
    """All logs of a root, in bytes."""
    total = 0
    for path in (Path(root) / "logs").glob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            pass  # it became an older one just now
    return total


def _measured(home: Lodge, run: list[str] | str, seconds: float) -> str:
    pid = home.ensure()
    for number in (1, 2):
        home.generation(number, process(), process("flood", None, run=run))
    home.serve(1)
    wait(lambda: home.row(1, "flood"), what="the flood has begun")
    cpu, memory, watch = _cpu_seconds(pid), _resident_bytes(pid), Watch(home.root.path)
    watching = threading.Thread(target=watch.run)
    watching.start()
    began = time.monotonic()
    try:
        time.sleep(seconds)
        used = (_cpu_seconds(pid) - cpu) / (time.monotonic() - began)
        switched = time.monotonic()
        home.serve(2)
        switched = time.monotonic() - switched
    finally:
        watch.end()
        watching.join()
    grown = _resident_bytes(pid)
    unanswered = f", {watch.unanswered} unanswered" if watch.unanswered else ""
    return (
        f"{used:>11.1%} {memory / 1e6:>6.1f} → {grown / 1e6:>4.1f} MB{watch.most_log_bytes / 1e6:>11.0f} MB"
        f"{watch.slowest_seconds * 1000:>10.0f} ms{switched:>10.2f} s{unanswered}"
    )


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    raise SystemExit(main())

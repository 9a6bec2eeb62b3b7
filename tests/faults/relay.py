"""ssh's stdin and a host's address in, the same bytes out, until a chosen one: then the connection is cut, or says nothing any more.

    python relay.py FOLDER HOST PORT       as ssh's ProxyCommand

FOLDER/plan.json is {"connection": 1, "direction": "up" | "down" | "", "bytes": k, "how": "closed" | "stalled"}: the connection of that
number (they count from 1 in the order in which they are made) is struck once k bytes have passed in that direction. Each leaves
FOLDER/N/counts.json: {"up": bytes, "down": bytes}.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import time
from pathlib import Path

PART_BYTES = 65536
STALL_SECONDS = 120.0
"""A connection that says nothing any more is let go then, whatever ssh does."""


def main(folder: Path, host: str, port: int) -> None:
    """Relay one connection."""
    own = _number(folder)
    plan = json.loads((folder / "plan.json").read_text())
    struck = plan["direction"] if plan["connection"] == int(own.name) else ""
    counts = {"up": 0, "down": 0}
    with socket.create_connection((host, port), timeout=20) as server:
        server.settimeout(None)
        ends = {"up": (0, server.fileno()), "down": (server.fileno(), 1)}
        try:
            while ends:
                ready, _, _ = select.select([source for source, _ in ends.values()], [], [])
                for direction in [name for name, (source, _) in ends.items() if source in ready]:
                    source, sink = ends[direction]
                    data = os.read(source, PART_BYTES)
                    if direction == struck and counts[direction] + len(data) > plan["bytes"]:
                        _write(sink, data[: plan["bytes"] - counts[direction]])
                        if plan["how"] == "stalled":
                            time.sleep(STALL_SECONDS)
                        # With a reset, as a link that breaks does, and nothing of what the kernel still holds.
                        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                    if not data:
                        server.shutdown(socket.SHUT_WR) if direction == "up" else os.close(1)
                        del ends[direction]
                        continue
                    counts[direction] += len(data)
                    _keep(own / "counts.json", counts)  # each time and whole: ssh ends its ProxyCommand by a signal
                    _write(sink, data)
        except OSError:
            pass  # one of the two ends is gone: so is the other


def _number(folder: Path) -> Path:
    number = 1
    while True:
        try:
            (folder / str(number)).mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder / str(number)


def _keep(path: Path, counts: dict[str, int]) -> None:
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(counts))
    aside.replace(path)


def _write(sink: int, data: bytes) -> None:
    while data:
        data = data[os.write(sink, data) :]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))

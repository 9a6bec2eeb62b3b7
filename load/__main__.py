"""Addresses in, a line for every request into a file: the process that sends the load. It ends after --seconds, or when its stdin ends."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TextIO

from load.connection import Address, Lost
from load.kinds import KINDS, MORE, Client, Wrong
from load.outcome import Sample, fold, read

ALL = {**KINDS, **MORE}

BOUND_SECONDS = 30.0
"""A request that takes longer has failed."""


def main(arguments: list[str] | None = None) -> int:
    """Send the load; 0 when nothing was lost, else 1."""
    wanted = _parse(arguments)
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        path = Path(wanted.samples or f"{folder}/samples")
        with path.open("a", encoding="utf-8") as samples:
            asyncio.run(_Sender(wanted, samples).run())
        if wanted.samples:
            return 0
        outcome = fold(read(path))
    print(outcome)
    return 1 if outcome.failed else 0


class _Sender:
    """All clients of one process, and the file that they write their samples to."""

    def __init__(self, wanted: argparse.Namespace, samples: TextIO) -> None:
        self.wanted = wanted
        self.samples = samples
        self.ended = asyncio.Event()
        self.counts: Counter[str] = Counter()
        # One clock for beginnings and durations: the wall clock may step, and switches are compared with these times.
        self.epoch = time.time() - time.monotonic()

    async def run(self) -> None:
        pattern = re.compile(self.wanted.version_pattern) if self.wanted.version_pattern else None
        tasks = []
        for text in self.wanted.addresses:
            address = Address.parse(text, self.wanted.host, self.wanted.authority or "")
            for kind in self.wanted.kinds:
                for _ in range(max(1, round(ALL[kind].clients * self.wanted.scale))):
                    client = Client(address, self.wanted.page, self.wanted.version_header.lower(), pattern)
                    tasks.append(asyncio.create_task(self.send(kind, client)))
        progress = asyncio.create_task(self.tell())
        if self.wanted.seconds is not None:
            asyncio.get_running_loop().call_later(self.wanted.seconds, self.ended.set)
        else:
            asyncio.get_running_loop().add_reader(sys.stdin, self.ended.set)
        await asyncio.gather(*tasks)
        progress.cancel()

    async def send(self, kind: str, client: Client) -> None:
        """Request after request until the end; each is finished, and none is repeated."""
        while not self.ended.is_set():
            began = time.monotonic()
            status, version, error = 0, "", ""
            try:
                status, version = await asyncio.wait_for(ALL[kind].visit(client), BOUND_SECONDS)
            except Wrong as wrong:
                status, version, error = wrong.status, wrong.version, str(wrong)
            except Lost as lost:
                error = str(lost)
            except TimeoutError:
                error = f"no whole answer within {BOUND_SECONDS:g} s"
            self.record(Sample(self.epoch + began, time.monotonic() - began, kind, str(client.address), status, version, error))
            # A server that refuses at once is asked again in a moment, not in a busy loop.
            await asyncio.sleep(max(ALL[kind].pause_seconds * self.wanted.pauses, 0.02 if error else 0.0))
        if client.connection is not None:
            client.connection.close()

    def record(self, sample: Sample) -> None:
        self.samples.write(json.dumps(sample, separators=(",", ":")) + "\n")
        self.counts["sent"] += 1
        self.counts["failed"] += bool(sample.error)
        self.counts[f"version {sample.version}"] += not sample.error

    async def tell(self) -> None:
        """Say twice a second how far it is, for a parent that shows it."""
        while self.wanted.samples:
            versions = {name[8:]: count for name, count in self.counts.items() if name.startswith("version ")}
            print(json.dumps({"sent": self.counts["sent"], "failed": self.counts["failed"], "versions": versions}), flush=True)
            self.samples.flush()
            await asyncio.sleep(0.5)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m load", description="Send requests that are never repeated, and count what was lost.")
    parser.add_argument("addresses", nargs="+", metavar="ADDRESS", help="host:port")
    parser.add_argument("--seconds", type=float, help="how long to begin requests; without it, until stdin ends")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS), help=f"some of {','.join(ALL)}")
    parser.add_argument("--page", default="/", help="what the quick kinds ask for")
    parser.add_argument("--host", help="the name to ask for in Host")
    parser.add_argument("--authority", help="a file of certificates: ask over TLS, and trust them for the name in Host")
    parser.add_argument("--scale", type=float, default=1.0, help="times as many clients")
    parser.add_argument("--pauses", type=float, default=1.0, help="times as long between the requests of a client")
    parser.add_argument("--version-header", default="X-Version", help="the header that says which version answered")
    parser.add_argument("--version-pattern", help="a pattern whose first group is the version in the body, where no header says it")
    parser.add_argument("--samples", help="write every request to this file, as a JSON list a line, and print progress as JSON")
    wanted = parser.parse_args(arguments)
    if unknown := [kind for kind in wanted.kinds if kind not in ALL]:
        parser.error(f"no such kind: {', '.join(unknown)}; there are {', '.join(ALL)}")
    return wanted


if __name__ == "__main__":
    sys.exit(main())

"""Nothing in, what the wire costs out: a login, a framed request, a hundred at once and bulk, over a real sshd on this machine.

Run from the checkout: .venv/bin/python -m bench.wire
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from shipway.model.intent import Host
from shipway.transports import transport_for
from shipway.transports.base import Channel
from shipway.transports.ssh_command import CONFIG_VARIABLE, ssh_command
from tests.transports import sshd

REQUESTS = 2000
LOGINS = 5
BULK_BYTES = 64 << 20


def main() -> int:
    """Print one line a figure."""
    with tempfile.TemporaryDirectory(prefix="shipway-bench-") as folder, sshd.running(Path(folder)) as server:
        os.environ[CONFIG_VARIABLE] = str(server.config)
        print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}")
        host = Host("a", "shop")
        plain = [_timed_ssh(host) for _ in range(LOGINS)]
        print(f"ssh HOST true                        {_ms(plain)}")
        for kind, target in (("ssh", host), ("local", Host("a", "local", root=f"{folder}/local"))):
            asyncio.run(_measure(kind, target))
    return 0


async def _measure(kind: str, host: Host) -> None:
    seconds, sent = await _login(host)
    print(f"{kind}: first login, the agent travels    {seconds * 1000:8.1f} ms, {sent:,} bytes sent")
    logins = [await _login(host) for _ in range(LOGINS)]
    print(f"{kind}: login, the agent is there         {_ms([s for s, _ in logins])}, {logins[-1][1]:,} bytes sent")
    channel = await _open(host)
    try:
        print(f"{kind}: a framed request                  {_ms([await _request(channel) for _ in range(REQUESTS)])}")
        began = time.perf_counter()
        await asyncio.gather(*(channel.call("fresh") for _ in range(100)))
        print(f"{kind}: 100 requests in flight            {(time.perf_counter() - began) * 1000:8.1f} ms")
        print(f"{kind}: look                              {_ms([await _request(channel, 'look') for _ in range(20)])}")
        seconds = await _bulk(channel)
        print(f"{kind}: {BULK_BYTES >> 20} MiB stored and synced         {BULK_BYTES / (1 << 20) / seconds:8.1f} MiB/s")
    finally:
        await channel.close()


async def _open(host: Host) -> Channel:
    return await transport_for(host).open(host, app="bench", environment="wire", timeout_seconds=60.0)


async def _login(host: Host) -> tuple[float, int]:
    began = time.perf_counter()
    channel = await _open(host)
    seconds, sent = time.perf_counter() - began, channel.bytes_sent
    await channel.close()
    return seconds, sent


async def _request(channel: Channel, name: str = "fresh") -> float:
    began = time.perf_counter()
    await channel.call(name)
    return time.perf_counter() - began


async def _bulk(channel: Channel) -> float:
    content = os.urandom(BULK_BYTES)
    digest = hashlib.blake2b(content, digest_size=32).hexdigest()

    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1 << 18):
            yield content[start : start + (1 << 18)]

    began = time.perf_counter()
    await channel.call("put", {"digest": digest, "executable": False, "size": len(content)}, body=body(), timeout_seconds=300.0)
    return time.perf_counter() - began


def _timed_ssh(host: Host) -> float:
    began = time.perf_counter()
    subprocess.run([*ssh_command(host, 20.0), "true"], check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:8.2f} ms (median; {min(seconds) * 1000:.2f} to {max(seconds) * 1000:.2f})"


if __name__ == "__main__":
    sys.exit(main())

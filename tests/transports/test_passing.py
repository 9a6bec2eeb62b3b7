"""Bare hosts pass the agent on: it leaves the operator once, and nobody runs what is not the agent. Each host is a root of this machine."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shipway.model.intent import Host
from shipway.transports.bootstrap import arrive
from shipway.transports.bundle import bundle
from shipway.transports.link import Link, start
from shipway.transports.passing import EACH, Passing, Source
from shipway.transports.stage import STAGE
from tests.transports.patient import be_patient

SIZE = len(bundle().packed("bz2"))


async def brought(root: Path, passing: Passing) -> Link:
    """An open link to an agent that runs in `root`."""
    link = await start([sys.executable, "-I", "-S", "-c", STAGE], env=os.environ, kill=True)
    await asyncio.wait_for(arrive(link, Host("a", "local"), root=str(root), proxy=f"{root}/proxy", passing=passing), 30)
    return link


def agents(root: Path) -> list[bytes]:
    return [path.read_bytes() for path in (root / "agent").glob("*.pyz")]


@contextmanager
def giving(content: bytes) -> Iterator[int]:
    """Somebody who gives this to everybody who comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def give() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                with line:
                    line.recv(100)
                    line.sendall(content)

        thread = threading.Thread(target=give, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(30)


def test_it_leaves_the_operator_once_and_every_host_stores_it_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch)
    roots = [tmp_path / name for name in "abcd"]

    async def run() -> list[int]:
        passing = Passing()
        links = await asyncio.gather(*(brought(root, passing) for root in roots))
        for link in links:
            await link.close()
        return sorted(link.bytes_sent for link in links)

    *others, first = asyncio.run(run())
    assert first > SIZE
    assert sum(others) < SIZE / 4
    assert [agents(root) for root in roots] == [[bundle().data]] * 4


def test_whoever_does_not_say_the_token_gets_nothing_and_with_the_login_it_ends(tmp_path: Path) -> None:
    async def run() -> Source:
        passing = Passing()
        link = await brought(tmp_path / "a", passing)
        with passing.turn() as turn:
            source = await turn.source()
        assert source is not None
        with socket.create_connection((source.addresses[0], source.port), 30) as line:
            line.sendall(b"0" * len(passing.token))
            assert line.recv(100) == b""
        await link.close()
        return source

    source = asyncio.run(run())
    until = time.monotonic() + 60
    with pytest.raises(ConnectionRefusedError):
        while time.monotonic() < until:
            socket.create_connection((source.addresses[0], source.port), 30).close()
            time.sleep(0.05)


@pytest.mark.parametrize(
    "content", [b"", b"no agent", bundle().packed("zlib")[: SIZE // 2], bundle().packed("bz2")], ids=["none", "another", "half", "unlike"]
)
def test_what_is_not_the_agent_is_not_taken_and_it_is_sent_from_here(tmp_path: Path, content: bytes) -> None:
    async def run(port: int) -> int:
        passing = Passing()
        with passing.turn() as first:
            first.gives(Source(("127.0.0.1",), port))
        link = await brought(tmp_path / "b", passing)
        await link.close()
        return link.bytes_sent

    with giving(content) as port:
        assert asyncio.run(run(port)) > SIZE
    assert agents(tmp_path / "b") == [bundle().data]


def test_a_host_that_nobody_can_reach_for_is_sent_it_from_here(tmp_path: Path) -> None:
    async def run() -> int:
        passing = Passing()
        with passing.turn() as first, socket.create_server(("127.0.0.1", 0)) as closed:
            first.gives(Source(("127.0.0.1",), closed.getsockname()[1]))
        link = await brought(tmp_path / "b", passing)
        await link.close()
        return link.bytes_sent

    assert asyncio.run(run()) > SIZE


def test_whoever_waits_for_a_host_that_fails_waits_no_longer_and_of_many_some_are_first() -> None:
    async def run() -> list[bool]:
        passing = Passing()
        with pytest.raises(ConnectionError), passing.turn() as first:
            with passing.turn() as second:
                waiting = asyncio.ensure_future(second.source())
                await asyncio.sleep(0)
                assert first.first and not second.first and not waiting.done()
            raise ConnectionError
        assert await asyncio.wait_for(waiting, 1) is None
        found = []
        for _ in range(2 * EACH - 2):
            with passing.turn() as turn:
                found.append(turn.first)
        return found

    found = asyncio.run(run())
    assert found == [number == EACH - 2 for number in range(2 * EACH - 2)]

"""transports/undelayed.py on real connections of real children."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.transports.ssh import SshTransport
from shipway.transports.undelayed import hasten, undelayed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lends what a child has open")

CONNECTS = """
import socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for line in sys.stdin:
    print(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), flush=True)
"""

CONNECTS_THROUGH_ANOTHER = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[2], sys.argv[1]])
"""

CLIENT = """
import socket, time
connection = socket.create_connection(("127.0.0.1", {port}))
until = time.monotonic() + 10
while time.monotonic() < until and not connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY):
    time.sleep(0.01)
if connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY):
    open("{told}", "w").write("sends at once")
"""
"""In the place of ssh: connects, waits to be hastened, and does not log in."""


def take_the_place_of_ssh(place: Path, server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client that the program finds connects to the server, and writes the file `told` once it is hastened."""
    client = place / "ssh"
    client.write_text(f"#!{sys.executable}\n{CLIENT.format(port=server.getsockname()[1], told=place / 'told')}")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(place), prepend=":")


class Child:
    """A process that keeps a connection to us open and says, when asked, whether it sends at once."""

    def __init__(self, process: subprocess.Popen[str], connection: socket.socket) -> None:
        self.pid, self.connection, self._process = process.pid, connection, process

    def sends_at_once(self) -> bool:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return self._process.stdout.readline() != "0\n"

    def end(self) -> None:
        """Its stdin ends, and so does it."""
        self._process.communicate(timeout=20)


@contextmanager
def child(*argv: str) -> Iterator[Child]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        process = subprocess.Popen(
            [sys.executable, "-c", argv[0], port, *argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            server.settimeout(20)
            connection, _ = server.accept()
            with connection:
                yield Child(process, connection)
        finally:
            process.communicate(timeout=20)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(true):
            pass


@pytest.mark.parametrize("argv", [[CONNECTS], [CONNECTS_THROUGH_ANOTHER, CONNECTS]], ids=["its own", "of what it connects through"])
def test_a_connection_of_a_child_sends_at_once_while_it_logs_in(argv: list[str]) -> None:
    async def log_in() -> None:
        with child(*argv) as logging_in:
            assert not logging_in.sends_at_once()
            async with undelayed(logging_in.pid):
                await _until(logging_in.sends_at_once)

    asyncio.run(log_in())


def test_what_was_lent_is_given_back_so_that_the_childs_end_is_the_connections_end() -> None:
    async def log_in() -> None:
        with child(CONNECTS) as logging_in:
            open_before = len(os.listdir("/proc/self/fd"))
            async with undelayed(logging_in.pid):
                await _until(logging_in.sends_at_once)
                assert len(os.listdir("/proc/self/fd")) == open_before + 1
            assert len(os.listdir("/proc/self/fd")) == open_before
            logging_in.end()
            assert logging_in.connection.recv(1) == b""

    asyncio.run(log_in())


def test_a_child_that_has_not_connected_is_waited_for() -> None:
    waits = "import sys; sys.stdin.readline()\n" + CONNECTS

    async def log_in() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            argv = [sys.executable, "-c", waits, str(server.getsockname()[1])]
            process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            async with undelayed(process.pid):
                await asyncio.sleep(0.05)
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
                server.settimeout(20)
                connection, _ = await asyncio.to_thread(server.accept)
                with connection:
                    await _until(Child(process, connection).sends_at_once)
            process.communicate(timeout=20)

    asyncio.run(log_in())


def test_a_program_that_a_client_asked_and_that_is_gone_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(timeout=20)

    async def log_in() -> None:
        with child(CONNECTS) as logging_in:
            async with undelayed(logging_in.pid):
                await _until(logging_in.sends_at_once)

    monkeypatch.setattr("shipway.transports.undelayed._children", lambda pid: [gone.pid])
    asyncio.run(log_in())


def test_a_login_of_ours_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        take_the_place_of_ssh(tmp_path, server, monkeypatch)
        with pytest.raises(Unreachable):
            asyncio.run(SshTransport().open(Host("web", "web.example"), app="shop", environment="production"))
    assert (tmp_path / "told").read_text() == "sends at once"


def test_a_child_that_is_gone_disturbs_nothing() -> None:
    async def log_in() -> None:
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait(timeout=20)
        async with undelayed(process.pid):
            await asyncio.sleep(0.02)

    asyncio.run(log_in())


def test_where_nothing_is_lent_the_block_runs_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int, flags: int = 0) -> int:
        raise PermissionError(1, "Operation not permitted")

    async def log_in() -> None:
        with child(CONNECTS) as logging_in:
            async with undelayed(logging_in.pid):
                await asyncio.sleep(0.02)
            assert not logging_in.sends_at_once()

    monkeypatch.setattr(os, "pidfd_open", refused)
    asyncio.run(log_in())


def test_a_python_that_was_built_without_what_it_takes_logs_in_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    with child(CONNECTS) as logging_in:
        assert list(hasten(logging_in.pid)) == []
        assert not logging_in.sends_at_once()

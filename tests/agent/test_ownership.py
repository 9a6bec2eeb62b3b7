"""Whose listener answers at an address: ours, another process's by name, or nobody's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent import ownership
from shipway_agent.address import of_port, of_socket

LISTENS = """
import socket, sys, time
family = socket.AF_INET if sys.argv[1].isdigit() else socket.AF_UNIX
listener = socket.socket(family)
if len(sys.argv) > 2:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])) if family == socket.AF_INET else sys.argv[1])
listener.listen()
print(listener.getsockname()[1] if family == socket.AF_INET else "", flush=True)
time.sleep(600)
"""


class Listeners:
    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []

    def start(self, where: str, *options: str) -> tuple[int, str]:
        """Pid and address of a process that listens at `where` ("0" for any port)."""
        child = subprocess.Popen([sys.executable, "-c", LISTENS, where, *options], stdout=subprocess.PIPE, text=True)
        self.started.append(child)
        assert child.stdout is not None
        port = child.stdout.readline().strip()
        return child.pid, of_port(int(port)) if port else of_socket(where)

    def close(self) -> None:
        for child in self.started:
            child.kill()
            child.wait()
            assert child.stdout is not None
            child.stdout.close()


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    one = Listeners()
    yield one
    one.close()


@pytest.fixture(params=["port", "socket"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "0" if request.param == "port" else str(tmp_path / "s")


def test_a_listener_of_one_of_the_processes_is_ours(listeners: Listeners, where: str) -> None:
    pid, address = listeners.start(where)
    owner = ownership.owner(address, {pid, os.getpid()})
    assert (owner.ours, owner.pid) == (True, pid)


def test_a_listener_of_another_process_is_named(listeners: Listeners, where: str) -> None:
    pid, address = listeners.start(where)
    owner = ownership.owner(address, {os.getpid()})
    assert (owner.ours, owner.pid) == (False, pid)
    assert owner.detail == f"{address} is held by process {pid} ({ownership.command_of(pid)})"
    assert ownership.holder_of(address) == pid


def test_where_nobody_listens_nothing_is_ours(tmp_path: Path) -> None:
    address = of_socket(f"{tmp_path}/none")
    assert ownership.owner(address, {os.getpid()}) == ownership.Owner(False, f"nothing listens at {address}")
    assert ownership.holder_of(address) is None


def test_a_port_that_is_shared_with_another_process_is_not_ours(listeners: Listeners) -> None:
    """With SO_REUSEPORT the kernel would give it half of the requests."""
    ours, address = listeners.start("0", "shared")
    other, _ = listeners.start(address.rpartition(":")[2], "shared")
    owner = ownership.owner(address, {ours})
    assert (owner.ours, owner.pid) == (False, other)
    assert ownership.owner(address, {ours, other}).ours


def test_a_connection_is_not_a_listener(listeners: Listeners) -> None:
    pid, address = listeners.start("0")
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))):
        assert ownership.owner(address, {os.getpid()}).pid == pid


def test_a_socket_that_was_inherited_belongs_to_each_that_has_it(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=[listener.fileno()])
        try:
            assert ownership.owner(of_socket(path), {child.pid}).ours
            assert ownership.owner(of_socket(path), {os.getpid()}).ours
        finally:
            child.kill()
            child.wait()

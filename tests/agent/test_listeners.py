"""What the kernel says of listeners: who listens at an address, and how many connections wait to be accepted."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import listeners
from shipway_agent.address import of_port, of_socket

Look = Callable[[Any], list[listeners.Listener]]


@pytest.fixture
def shelf() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def inode(listener: socket.socket) -> int:
    return os.fstat(listener.fileno()).st_ino


def listen(shelf: contextlib.ExitStack, family: int, where: Any) -> socket.socket:
    listener = shelf.enter_context(socket.socket(family))
    listener.bind(where)
    listener.listen(16)
    return listener


def connect(shelf: contextlib.ExitStack, family: int, where: Any) -> None:
    client = shelf.enter_context(socket.socket(family))
    client.settimeout(5)
    client.connect(where)


def test_nothing_listens_at_a_free_address(tmp_path: Path, shelf: contextlib.ExitStack) -> None:
    bound = shelf.enter_context(socket.socket())
    bound.bind(("127.0.0.1", 0))
    assert listeners.listeners(of_port(bound.getsockname()[1])) == ()
    assert listeners.listeners(of_socket(f"{tmp_path}/none")) == ()


@pytest.mark.parametrize("look", [listeners._tcp_asked, listeners._tcp_listed], ids=["netlink", "proc"])
def test_connections_in_the_backlog_of_a_port_are_counted_until_they_are_accepted(shelf: contextlib.ExitStack, look: Look) -> None:
    listener = listen(shelf, socket.AF_INET, ("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listen(shelf, socket.AF_INET, ("127.0.0.1", 0))
    for _ in range(3):
        connect(shelf, socket.AF_INET, listener.getsockname())
    assert look(port) == [listeners.Listener(inode(listener), 3)]
    shelf.enter_context(listener.accept()[0])
    assert look(port) == [listeners.Listener(inode(listener), 2)]


@pytest.mark.parametrize("look", [listeners._unix_asked, listeners._unix_listed], ids=["netlink", "proc"])
def test_connections_in_the_backlog_of_a_socket_are_counted_until_they_are_accepted(
    tmp_path: Path, shelf: contextlib.ExitStack, look: Look
) -> None:
    path = str(tmp_path / "s")
    listener = listen(shelf, socket.AF_UNIX, path)
    other = listen(shelf, socket.AF_UNIX, str(tmp_path / "other"))
    connect(shelf, socket.AF_UNIX, str(tmp_path / "other"))
    for _ in range(3):
        connect(shelf, socket.AF_UNIX, path)
    assert look(path) == [listeners.Listener(inode(listener), 3)]
    shelf.enter_context(listener.accept()[0])
    assert look(path) == [listeners.Listener(inode(listener), 2)]
    assert look(str(tmp_path / "other")) == [listeners.Listener(inode(other), 1)]


@pytest.mark.parametrize("look", [listeners._unix_asked, listeners._unix_listed], ids=["netlink", "proc"])
def test_a_socket_is_found_whatever_spelling_of_its_path_was_bound(tmp_path: Path, shelf: contextlib.ExitStack, look: Look) -> None:
    deep = tmp_path / ("d" * 60)
    deep.mkdir()
    (tmp_path / "link").symlink_to(deep)
    listener = listen(shelf, socket.AF_UNIX, str(tmp_path / "link" / "s"))
    assert [one.inode for one in look(str(deep / "s"))] == [inode(listener)]


def test_a_socket_whose_file_was_replaced_is_not_the_old_listener(tmp_path: Path, shelf: contextlib.ExitStack) -> None:
    path = str(tmp_path / "s")
    listen(shelf, socket.AF_UNIX, path)
    os.unlink(path)
    second = listen(shelf, socket.AF_UNIX, path)
    assert [one.inode for one in listeners.listeners(of_socket(path))] == [inode(second)]


@pytest.mark.parametrize(
    ("family", "host", "counts"),
    [
        (socket.AF_INET, "127.0.0.1", True),
        (socket.AF_INET, "0.0.0.0", True),
        (socket.AF_INET6, "::", True),
        (socket.AF_INET6, "::ffff:127.0.0.1", True),
        (socket.AF_INET6, "::1", False),
    ],
)
@pytest.mark.parametrize("look", [listeners._tcp_asked, listeners._tcp_listed], ids=["netlink", "proc"])
def test_only_listeners_that_get_what_is_sent_to_loopback_count(
    shelf: contextlib.ExitStack, family: int, host: str, counts: bool, look: Look
) -> None:
    try:
        listener = listen(shelf, family, (host, 0))
    except OSError as error:
        pytest.skip(f"no {host} here: {error}")
    found = look(listener.getsockname()[1])
    assert [one.inode for one in found] == ([inode(listener)] if counts else [])


def test_where_the_kernel_cannot_be_asked_its_lists_are_read(
    shelf: contextlib.ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(ask: bytes) -> Iterator[bytes]:
        raise OSError(errno.ENOENT, "the kernel does not list its sockets over netlink")

    monkeypatch.setattr(listeners, "_dump", refuse)
    port = listen(shelf, socket.AF_INET, ("127.0.0.1", 0))
    path = listen(shelf, socket.AF_UNIX, str(tmp_path / "s"))
    assert [one.inode for one in listeners.listeners(of_port(port.getsockname()[1]))] == [inode(port)]
    assert [one.inode for one in listeners.listeners(of_socket(str(tmp_path / "s")))] == [inode(path)]

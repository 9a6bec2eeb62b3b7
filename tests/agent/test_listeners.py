"""What the kernel says of listeners: who listens at an address, and how many connections wait to be accepted."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import listeners
from shipway_agent.address import of_port, of_socket


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


def test_connections_in_the_backlog_of_a_port_are_counted_until_they_are_accepted(shelf: contextlib.ExitStack) -> None:
    listener = listen(shelf, socket.AF_INET, ("127.0.0.1", 0))
    address = of_port(listener.getsockname()[1])
    for _ in range(3):
        connect(shelf, socket.AF_INET, listener.getsockname())
    assert listeners.listeners(address) == (listeners.Listener(inode(listener), 3),)
    shelf.enter_context(listener.accept()[0])
    assert listeners.listeners(address) == (listeners.Listener(inode(listener), 2),)


@pytest.mark.parametrize("look", [listeners._unix_asked, listeners._unix_listed], ids=["netlink", "proc"])
def test_connections_in_the_backlog_of_a_socket_are_counted_until_they_are_accepted(
    tmp_path: Path, shelf: contextlib.ExitStack, look: object
) -> None:
    path = str(tmp_path / "s")
    listener = listen(shelf, socket.AF_UNIX, path)
    other = listen(shelf, socket.AF_UNIX, str(tmp_path / "other"))
    connect(shelf, socket.AF_UNIX, str(tmp_path / "other"))
    for _ in range(3):
        connect(shelf, socket.AF_UNIX, path)
    assert callable(look)
    assert look(path) == [listeners.Listener(inode(listener), 3)]
    shelf.enter_context(listener.accept()[0])
    assert look(path) == [listeners.Listener(inode(listener), 2)]
    assert look(str(tmp_path / "other")) == [listeners.Listener(inode(other), 1)]


@pytest.mark.parametrize("look", [listeners._unix_asked, listeners._unix_listed], ids=["netlink", "proc"])
def test_a_socket_is_found_whatever_spelling_of_its_path_was_bound(tmp_path: Path, shelf: contextlib.ExitStack, look: object) -> None:
    deep = tmp_path / ("d" * 60)
    deep.mkdir()
    (tmp_path / "link").symlink_to(deep)
    listener = listen(shelf, socket.AF_UNIX, str(tmp_path / "link" / "s"))
    assert callable(look)
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
def test_only_listeners_that_get_what_is_sent_to_loopback_count(shelf: contextlib.ExitStack, family: int, host: str, counts: bool) -> None:
    try:
        listener = listen(shelf, family, (host, 0))
    except OSError as error:
        pytest.skip(f"no {host} here: {error}")
    found = listeners.listeners(of_port(listener.getsockname()[1]))
    assert [one.inode for one in found] == ([inode(listener)] if counts else [])

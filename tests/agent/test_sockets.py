"""Connections as Python's own module makes them: to the first address that takes one, closed with their block."""

from __future__ import annotations

import socket

import pytest

from shipway_agent import sockets


def test_a_connection_is_made_and_its_block_closes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with sockets.connected("127.0.0.1", listener.getsockname()[1], 2.0) as connection:
            there, _ = listener.accept()
            connection.sendall(b"a question")
            assert there.recv(100) == b"a question"
        assert there.recv(100) == b"", "its end has come"
        there.close()


def test_each_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        where = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port)) for host in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr("shipway_agent.sockets.real.getaddrinfo", lambda *_: where)
        with sockets.connected("shop.example.org", port, 2.0) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)


def test_what_takes_no_connection_is_told_as_the_kernel_says_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        sockets.connected("127.0.0.1", port, 2.0)
    with pytest.raises(sockets.gaierror):
        sockets.connected("no such host", port, 2.0)


def test_who_does_not_answer_is_waited_for_as_long_as_was_said() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        sockets.connected("127.0.0.1", listener.getsockname()[1], 0.01) as connection,
        pytest.raises(sockets.timeout),
    ):
        connection.recv(1)  # the kernel has taken the connection, and nobody says anything

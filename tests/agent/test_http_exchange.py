"""One question over HTTP, as servers answer it: in chunks, to the end of the connection, with a word in between, or not at all."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from shipway_agent.http_exchange import Closed, NotHttp, Response, exchange


def answered(
    said: bytes, *, body: bytes | None = None, most_bytes: int = 1000, path: str = "/up", headers: dict[str, str] | None = None
) -> Response:
    """What is made of an answer that is there already, behind which the connection is closed."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        return exchange(ours, "GET", path, headers or {}, until=time.monotonic() + 10, most_bytes=most_bytes, body=body)


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more", 200, b"hello"),
        (b"HTTP/1.0 200 OK\n\nall of it", 200, b"all of it"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", 200, b"hello world"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno", 404, b"no"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, b""),
        (b"HTTP/1.1 200\r\nContent-Length: 9\r\n\r\nshort", 200, b"short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort", 200, b"short"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nwhatever", 200, b"whatever"),
    ],
)
def test_what_an_answer_is(said: bytes, status: int, body: bytes) -> None:
    found = answered(said)
    assert (found.status, found.body) == (status, body)


def test_headers_are_known_by_small_letters() -> None:
    assert answered(b"HTTP/1.1 200 OK\r\nShipway-Release:  abc \r\nX:\r\n\r\n").headers == {"shipway-release": "abc", "x": ""}


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + b"x" * 4096]
)
def test_a_body_ends_at_its_bound(said: bytes) -> None:
    assert len(answered(said).body) == 1000


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 2OO OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: 1",
        b"x" * (70 << 10),
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 300,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\nhello",
    ],
)
def test_what_is_no_answer(said: bytes) -> None:
    with pytest.raises(NotHttp):
        answered(said)


def test_an_end_without_a_word_is_told_apart() -> None:
    with pytest.raises(Closed):
        answered(b"")


@pytest.mark.parametrize(("path", "headers"), [("/a b", {}), ("/a\r\nX: 1", {}), ("", {}), ("/", {"Host": "a\r\nX: 1"})])
def test_nothing_that_begins_another_line_is_ever_sent(path: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"cannot be asked for|is no value"):
        answered(b"HTTP/1.1 200 OK\r\n\r\n", path=path, headers=headers)


def test_a_request_says_how_long_its_body_is() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        theirs.shutdown(socket.SHUT_WR)
        exchange(ours, "POST", "/load", {"Host": "x"}, until=time.monotonic() + 10, most_bytes=10, body=b"{}")
        head, _, body = theirs.recv(1000).partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /load HTTP/1.1"
    assert {b"Host: x", b"Content-Length: 2", b"Connection: close"} <= set(head.split(b"\r\n"))
    assert body == b"{}"


def test_who_answers_a_byte_now_and_then_does_not_hold_us_longer() -> None:
    ours, theirs = socket.socketpair()
    over = threading.Event()

    def drip() -> None:
        theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.wait(0.02):
            theirs.sendall(b".")

    thread = threading.Thread(target=drip)
    with ours, theirs:
        thread.start()
        try:
            with pytest.raises((TimeoutError, socket.timeout)):
                exchange(ours, "GET", "/", {}, until=time.monotonic() + 0.2, most_bytes=1 << 20)
        finally:
            over.set()
            thread.join()

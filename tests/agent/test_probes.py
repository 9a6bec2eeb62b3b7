"""One question to a page, and how its answer is judged."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent import probes
from shipway_agent.address import of_port, of_socket


class Speaker:
    """A server that says exactly the given bytes to each connection, on a port or a socket."""

    def __init__(self, path: Path | None) -> None:
        self.says = b""
        self.keeps_open = threading.Event()
        self.heard = b""
        self._listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._listener.bind(str(path) if path else ("127.0.0.1", 0))
        self._listener.listen()
        self.address = of_socket(str(path)) if path else of_port(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self.heard = connection.recv(65536)
                    connection.sendall(self.says)
                    if not self.says:
                        self.keeps_open.wait(30)
                except OSError:
                    pass

    def close(self) -> None:
        self.keeps_open.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture(params=["port", "socket"])
def speaker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Speaker]:
    one = Speaker(tmp_path / "s" if request.param == "socket" else None)
    yield one
    one.close()


def test_an_answer_has_status_body_headers_and_time(speaker: Speaker) -> None:
    speaker.says = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Release: abc\r\n\r\nhello"
    answer = probes.ask(speaker.address, "/up", 5, host="shop.example.org")
    assert (answer.status, answer.body, answer.headers["x-release"]) == (200, b"hello", "abc")
    assert 0 < answer.seconds < 5
    assert speaker.heard.startswith(b"GET /up HTTP/1.1\r\n")
    assert b"\r\nHost: shop.example.org\r\n" in speaker.heard


def test_a_good_page_has_no_fault(speaker: Speaker) -> None:
    speaker.says = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert probes.fault(probes.ask(speaker.address, "/", 5), {"status": [200, 204]}) is None


def test_a_wrong_status_is_named_with_what_was_seen(speaker: Speaker) -> None:
    speaker.says = b"HTTP/1.1 503 No\r\nContent-Length: 18\r\n\r\nno   \x1b[31mdatabase"
    fault = probes.fault(probes.ask(speaker.address, "/", 5), {"status": [200]})
    assert fault == "wanted status 200; status 503, body: no database"


def test_a_missing_text_is_named(speaker: Speaker) -> None:
    speaker.says = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"
    fault = probes.fault(probes.ask(speaker.address, "/", 5), {"status": [200], "contains": "ok"})
    assert fault == "the body lacks 'ok'; status 200, body: no"


def test_silence_ends_at_the_timeout(speaker: Speaker) -> None:
    answer = probes.ask(speaker.address, "/", 0.2)
    assert (answer.status, answer.why) == (None, "no answer within 0.2 s")


def test_a_body_that_never_ends_ends_at_one_mebibyte(speaker: Speaker) -> None:
    speaker.says = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (3 << 20)
    answer = probes.ask(speaker.address, "/", 20)
    assert len(answer.body) == 1 << 20


def test_noise_is_not_http(speaker: Speaker) -> None:
    speaker.says = b"SSH-2.0-OpenSSH_9.2\r\n"
    assert probes.ask(speaker.address, "/", 5).why.startswith("what came is not HTTP")


def test_what_was_seen_is_trimmed_to_400_characters(speaker: Speaker) -> None:
    speaker.says = b"HTTP/1.1 500 No\r\nContent-Length: 9000\r\n\r\n" + b"e" * 9000
    seen = probes.ask(speaker.address, "/", 5).seen()
    assert len(seen) == 400
    assert seen.endswith("…")


def test_nobody_there(tmp_path: Path) -> None:
    address = of_socket(f"{tmp_path}/none")
    assert probes.ask(address, "/", 5).why == f"nothing accepts connections at {address}"
    assert not probes.accepts(address)


def test_without_a_page_a_listener_is_healthy_when_it_accepts(speaker: Speaker) -> None:
    assert probes.healthy(speaker.address, None) is None


def test_with_a_page_a_listener_is_healthy_when_the_page_is_good(speaker: Speaker) -> None:
    health = {"page": {"path": "/up", "status": [200], "contains": "ok", "timeout_seconds": 5}, "within_seconds": 60}
    speaker.says = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    assert probes.healthy(speaker.address, health) is None
    speaker.says = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"
    assert probes.healthy(speaker.address, health) == "the body lacks 'ok'; status 200, body: no"

"""A webhook is told over a connection to the very address that was checked, verified, bounded, and nowhere else."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from shipway_agent.notifications import connect, webhook
from shipway_agent.notifications.connect import Undelivered
from tests.agent.notifications.receivers import ENTRY, call_it_home, certificate, speaking, web


def refusal(url: str) -> str:
    with pytest.raises(Undelivered) as raised:
        webhook.send({"url": url}, ENTRY)
    return raised.value.words


def test_one_post_with_the_words_and_every_fact() -> None:
    with web() as server:
        webhook.send({"url": f"http://127.0.0.1:{server.port}/T0/x?y=1"}, ENTRY)
    (heard,) = server.heard
    assert heard.path == "/T0/x?y=1" and heard.headers["host"] == f"127.0.0.1:{server.port}"
    assert heard.headers["content-type"] == "application/json" and heard.headers["idempotency-key"] == ENTRY["id"]
    body = json.loads(heard.body)
    assert set(body) == {"text", "shipway"} and body["shipway"].items() >= ENTRY.items()
    assert "no such table: &lt;orders&gt;" in body["text"], "what a program printed is no markup of a chat"
    assert "no such table: <orders>" in body["shipway"]["words"]


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_an_answer_that_is_no_arrival(status: int) -> None:
    with web([status]) as server:
        assert refusal(f"http://127.0.0.1:{server.port}/") == f"it answers {status}"


def test_a_redirect_is_not_followed() -> None:
    with web() as other, web([307], location=f"http://127.0.0.1:{other.port}/secret") as server:
        assert refusal(f"http://127.0.0.1:{server.port}/") == "it answers 307: redirects are not followed"
    assert other.heard == []


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert refusal(f"http://127.0.0.1:{free.getsockname()[1]}/") == "cannot connect: Connection refused"


def test_https_is_verified(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path, "hooks.example")
    call_it_home(monkeypatch, hooks_example="127.0.0.1", other_example="127.0.0.1")
    with web(context=context) as server:
        assert refusal(f"https://hooks.example:{server.port}/T0").startswith("its certificate is not accepted: self")
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert refusal(f"https://other.example:{server.port}/T0") == "its certificate is not accepted: it is of another name"
        webhook.send({"url": f"https://hooks.example:{server.port}/T0"}, ENTRY)
    assert [heard.path for heard in server.heard] == ["/T0"]


@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "0.0.0.0", "224.0.0.1"])
def test_a_name_that_leads_to_a_forbidden_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    call_it_home(monkeypatch, hooks_example=address)
    dialled: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *args: dialled.append(args))
    assert refusal("https://hooks.example/x").startswith("its address ")
    assert dialled == []


def test_a_number_that_means_a_forbidden_address_is_not_connected_to() -> None:
    for host in ("2852039166", "0xA9FEA9FE", "169.254.43518"):
        assert refusal(f"https://{host}/x").startswith("its address may not be a link-local address")


def test_localhost_that_is_elsewhere_is_told_nothing_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    call_it_home(monkeypatch, localhost="10.255.255.1")
    assert "should begin with https://" in refusal("http://localhost/x")


def test_the_address_that_was_checked_is_the_one_that_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers otherwise when it is asked a second time gains nothing: it is asked once."""
    asked: list[object] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **more: Any) -> Any:
        asked.append(host)
        again = host == "localhost" and asked.count("localhost") > 1
        return real("169.254.169.254" if again else "127.0.0.1", *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with web() as server:
        webhook.send({"url": f"http://localhost:{server.port}/x"}, ENTRY)
    assert asked.count("localhost") == 1 and len(server.heard) == 1


def test_a_receiver_that_speaks_byte_by_byte_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "SECONDS", 0.5)

    def drip(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"H")
            time.sleep(0.05)

    with speaking(drip) as port:
        began = time.monotonic()
        assert refusal(f"http://127.0.0.1:{port}/")
        assert time.monotonic() - began < 30


def test_a_receiver_that_answers_without_end_is_read_no_further() -> None:
    def flood(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with speaking(flood) as port:
        webhook.send({"url": f"http://127.0.0.1:{port}/"}, ENTRY)


@pytest.mark.parametrize("answer", [b"", b"\0\1\2", b"220 mail ESMTP\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500])
def test_a_receiver_that_speaks_something_else(answer: bytes) -> None:
    with speaking(lambda connection: connection.sendall(answer)) as port:
        words = refusal(f"http://127.0.0.1:{port}/T0S3CRET")
        assert words and "T0S3CRET" not in words

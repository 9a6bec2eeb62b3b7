"""A mail goes out over TLS that was verified, to whom it is for, in one piece: with a server that speaks the protocol over sockets."""

from __future__ import annotations

import base64
import email
import socket
import time
from email.policy import default
from pathlib import Path

import pytest

from shipway_agent.notifications import connect, mail
from shipway_agent.notifications.connect import Undelivered
from tests.agent.notifications.receivers import ENTRY, MailServer, call_it_home, certificate, speaking

TO = {"to": ["ops@shop.example", "ann@shop.example"], "sender": "shipway@shop.example", "password": None}
SECRET = "m4il-S3CRET"


def refusal(server: str, **more: object) -> str:
    with pytest.raises(Undelivered) as raised:
        mail.send({**TO, "server": server, **more}, ENTRY)
    assert SECRET not in raised.value.words
    return raised.value.words


def test_the_host_s_own_mail_service_takes_it() -> None:
    server = MailServer()
    with speaking(server.converse) as port:
        mail.send({**TO, "server": f"smtp://127.0.0.1:{port}"}, ENTRY)
    (got,) = server.mails
    assert [line for line in got.said if line.upper().startswith(("MAIL", "RCPT"))] == [
        "mail FROM:<shipway@shop.example>",
        "rcpt TO:<ops@shop.example>",
        "rcpt TO:<ann@shop.example>",
    ]
    read = email.message_from_bytes(got.data, policy=default)
    assert read["Subject"] == "shop production: 1.7 is undone" and read["To"] == "ops@shop.example, ann@shop.example"
    assert str(ENTRY["id"]) in read["Message-ID"]
    body = read.get_body()
    assert body is not None
    text = body.get_content()
    for part in (ENTRY["commit"][:12], "step: migrate on b", "no such table: <orders>", ENTRY["next"], "a serves 1.6 (generation 6)"):
        assert part in text


def test_another_machine_hears_nothing_before_tls_is_verified(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path, "mail.example")
    call_it_home(monkeypatch, mail_example="127.0.0.1", other_example="127.0.0.1")
    server = MailServer(context)
    with speaking(server.converse) as port:
        more = {"password": SECRET}
        assert refusal(f"smtp://ops@mail.example:{port}", **more).startswith("its certificate is not accepted: self")
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert refusal(f"smtp://ops@other.example:{port}", **more) == "its certificate is not accepted: it is of another name"
        assert all("AUTH" not in line and "mail" not in line for got in server.mails for line in got.said if not line.startswith("ehlo"))
        mail.send({**TO, "server": f"smtp://ops@mail.example:{port}", **more}, ENTRY)
    got = server.mails[-1]
    assert got.data and got.said[:2] == [got.said[0], "STARTTLS"]
    (auth,) = [line for line in got.under_tls if line.startswith("AUTH PLAIN ")]
    assert base64.b64decode(auth.split()[2]) == f"\0ops\0{SECRET}".encode()


def test_a_server_without_starttls_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    call_it_home(monkeypatch, mail_example="127.0.0.1")
    server = MailServer()
    with speaking(server.converse) as port:
        words = refusal(f"smtp://ops@mail.example:{port}", password=SECRET)
    assert words == "the server does not offer what is needed (STARTTLS, AUTH)"
    assert [line.split()[0] for line in server.mails[0].said] == ["ehlo", "QUIT"]


@pytest.mark.parametrize(
    ("refuses", "words"),
    [
        ({"AUTH": f"535 no {SECRET}"}, "the server answers 535 to user and password"),
        ({"MAIL": "550 no"}, "the server answers 550 to the sender"),
        ({"RCPT": "550 no"}, "the server takes no mail for these addresses"),
        ({"DATA": "451 later"}, "the server answers 451 to the mail"),
    ],
)
def test_a_server_that_says_no(refuses: dict[str, str], words: str) -> None:
    server = MailServer(refuses=refuses)
    with speaking(server.converse) as port:
        assert refusal(f"smtp://ops@127.0.0.1:{port}", password=SECRET) == words


def test_a_header_is_one_line_whatever_is_in_it() -> None:
    entry = {**ENTRY, "version": "1.7\r\nBcc: evil@shop.example\n\nbody", "app": "shop\u2028x"}
    made = mail.mail("a@shop.example", ["b@shop.example"], entry)
    read = email.message_from_bytes(made.as_bytes(), policy=default)
    assert "Bcc" not in read and read["Subject"].startswith("shop x production: 1.7 Bcc: evil@shop.example body")


def test_a_server_that_never_ends_its_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"220-more\r\n" * 1000)

    with speaking(flood) as port:
        assert refusal(f"smtp://127.0.0.1:{port}")
    monkeypatch.setattr(connect, "SECONDS", 0.5)

    def drip(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"2")
            time.sleep(0.05)

    with speaking(drip) as port:
        began = time.monotonic()
        assert refusal(f"smtp://127.0.0.1:{port}")
        assert time.monotonic() - began < 30

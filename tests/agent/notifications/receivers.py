"""Nothing in, receivers on this machine out: a web server and a mail server as real as their protocols, and certificates of their own."""

from __future__ import annotations

import http.server
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ENTRY: dict[str, Any] = {
    "id": "5" * 32,
    "event": "undone",
    "verdict": "undone",
    "app": "shop",
    "environment": "production",
    "kind": "deploy",
    "deployment": "7-abcdef",
    "commit": "c" * 40,
    "version": "1.7",
    "who": "ann@laptop",
    "members": ["a", "b"],
    "sender": "a",
    "host": "b",
    "what": "task migrate ended with 1",
    "phase": "activated",
    "step": "migrate on b",
    "lines": ["no such table: <orders>", "rolled back & ended"],
    "silent_seconds": None,
    "serving": {"generation": 6, "version": "1.6", "commit": "b" * 40},
    "next": "mend the cause, commit, and shipway deploy production",
    "at": "2026-11-29T00:00:00Z",
}
"""What the lead of a fleet of two tells of a failed deployment."""


@dataclass
class Heard:
    """One request of the web server."""

    path: str
    headers: dict[str, str]
    body: bytes


class Web:
    """Answers POSTs with `statuses`, one after the other, then with 200; `location` makes redirects of those between 300 and 399."""

    def __init__(self, statuses: Sequence[int] = (), *, location: str = "", context: ssl.SSLContext | None = None) -> None:
        self.heard: list[Heard] = []
        self.statuses = list(statuses)
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.heard.append(Heard(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                status = web.statuses.pop(0) if web.statuses else 200
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.end_headers()

            def do_GET(self) -> None:
                web.heard.append(Heard(self.path, {}, b""))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a client that does not trust us is what some tests are about

            def finish_request(self, request: Any, client_address: Any) -> None:
                if context is None:
                    super().finish_request(request, client_address)
                    return
                with context.wrap_socket(request, server_side=True) as inner:
                    super().finish_request(inner, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def web(statuses: Sequence[int] = (), *, location: str = "", context: ssl.SSLContext | None = None) -> Iterator[Web]:
    """A web server that is gone at the end."""
    one = Web(statuses, location=location, context=context)
    try:
        yield one
    finally:
        one.close()


@contextmanager
def speaking(say: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where each caller is spoken to by `say` and then left; for what no good server does."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                say(self.request)
            except OSError:
                pass  # the caller has had enough

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Mail:
    """What a conversation brought: `said` are the commands as they came, `under_tls` those that came encrypted."""

    said: list[str] = field(default_factory=list)
    under_tls: list[str] = field(default_factory=list)
    data: bytes = b""


class MailServer:
    """Speaks SMTP: EHLO, STARTTLS where it has a certificate, AUTH PLAIN, MAIL, RCPT, DATA, QUIT. `refuses`: command → its answer."""

    def __init__(self, context: ssl.SSLContext | None = None, refuses: dict[str, str] | None = None) -> None:
        self.mails: list[Mail] = []
        self.context = context
        self.refuses = refuses or {}

    def converse(self, connection: socket.socket) -> None:
        with ExitStack() as stack:
            self._converse(connection, stack)

    def _converse(self, connection: socket.socket, stack: ExitStack) -> None:
        mail = Mail()
        self.mails.append(mail)
        encrypted = False
        connection.sendall(b"220 mail.example ESMTP\r\n")
        file = stack.enter_context(connection.makefile("rb"))
        while True:
            line = file.readline().decode().rstrip("\r\n")
            if not line:
                return
            mail.said.append(line)
            if encrypted:
                mail.under_tls.append(line)
            word = line.split()[0].upper()
            if word in self.refuses:
                connection.sendall(self.refuses[word].encode() + b"\r\n")
            elif word == "EHLO":
                offers = [b"mail.example", b"AUTH PLAIN", *([b"STARTTLS"] if self.context is not None and not encrypted else [])]
                connection.sendall(b"".join(b"250-" + offer + b"\r\n" for offer in offers) + b"250 8BITMIME\r\n")
            elif word == "STARTTLS" and self.context is not None and not encrypted:
                connection.sendall(b"220 go\r\n")
                file.close()
                connection = stack.enter_context(self.context.wrap_socket(connection, server_side=True))
                file = stack.enter_context(connection.makefile("rb"))
                encrypted = True
            elif word == "AUTH":
                connection.sendall(b"235 welcome\r\n")
            elif word == "DATA":
                connection.sendall(b"354 go\r\n")
                while (part := file.readline()) != b".\r\n":
                    mail.data += part
                connection.sendall(b"250 taken\r\n")
            elif word == "QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            else:
                connection.sendall(b"250 yes\r\n")


def certificate(directory: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """What a server of this name needs, and the file by which others may trust it."""
    key, made = directory / f"{name}.key", directory / f"{name}.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", made, "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return context, made


def call_it_home(monkeypatch: pytest.MonkeyPatch, **addresses: str) -> None:
    """Names, with _ for a dot, that lead to these addresses; every other name leads nowhere."""
    known = {name.replace("_", "."): address for name, address in addresses.items()}
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if host not in known and not str(host).replace(".", "").isdigit():
            raise socket.gaierror(-2, "Name or service not known")
        return real(known.get(host, host), port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

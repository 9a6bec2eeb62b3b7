"""A small web application for tests, started as a script: it listens on $PORT or $SOCKET and does what its environment says.

GET /up answers "ok <pid>"; /slow?2 takes 2 s; /until?FILE waits until the file is there; /sick answers 500.
BACKLOG, THREADS: of the server. DELAY: seconds before it listens. DIE_AFTER: seconds until it exits with 3. STUBBORN=1: ignores SIGTERM.
PATIENT=1: on SIGTERM finishes what it has accepted, then exits. CHILDREN=1: starts a grandchild that ignores SIGTERM.
"""

from __future__ import annotations

import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

THREADS = threading.BoundedSemaphore(int(os.environ.get("THREADS", "64")))


class Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, _, argument = self.path.partition("?")
        with THREADS:
            if path == "/slow":
                time.sleep(float(argument))
            while path == "/until" and not os.path.exists(argument):
                time.sleep(0.01)
            body = f"ok {os.getpid()} {os.environ.get('RELEASE', '')}".encode()
            self.send_response(500 if path == "/sick" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.do_GET()

    def address_string(self) -> str:
        return "-"

    def log_message(self, *args: Any) -> None:
        pass


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = int(os.environ.get("BACKLOG", "128"))

    def process_request(self, request: Any, client_address: Any) -> None:
        with THREADS:  # with all threads busy, further connections stay in the backlog
            pass
        super().process_request(request, client_address)


class UnixServer(Server):
    address_family = socket.AF_UNIX

    def __init__(self, path: str) -> None:
        super().__init__((path, 0), Page)

    def server_bind(self) -> None:
        self.socket.bind(self.server_address[0])


def main() -> None:
    if os.environ.get("STUBBORN"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("begins", os.getpid(), flush=True)
    if os.environ.get("CHILDREN"):
        stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", stubborn])
    if os.environ.get("DIE_AFTER"):
        threading.Timer(float(os.environ["DIE_AFTER"]), lambda: os._exit(3)).start()
    time.sleep(float(os.environ.get("DELAY", "0")))
    if os.environ.get("SOCKET"):
        server: Server = UnixServer(os.environ["SOCKET"])
    elif os.environ.get("PORT"):
        server = Server(("127.0.0.1", int(os.environ["PORT"])), Page)
    else:
        signal.pause()
        return
    if os.environ.get("PATIENT"):
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)
    server.server_close()


if __name__ == "__main__":
    main()

"""A front door for tests, in this process: it counts who comes, takes its time for a page, and shut it answers nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = {"path": "/up", "timeout_seconds": 60.0}


class Door(ThreadingHTTPServer):
    """`visits` have come so far; `waiting` of them found it shut and wait."""

    daemon_threads = True

    def __init__(self, page_seconds: float) -> None:
        self.page_seconds = page_seconds
        self.visits = 0
        self.waiting = 0
        self._open = threading.Event()
        self._open.set()
        super().__init__(("127.0.0.1", 0), _Page)

    def args(self) -> dict[str, Any]:
        """Of a step whose visitor asks here."""
        return {"pages": [PAGE], "front": {"listen": f"127.0.0.1:{self.server_address[1]}", "host": ""}}

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def pass_through(self) -> None:
        """As long as a page takes, and as long as nobody is let in."""
        self.visits += 1
        time.sleep(self.page_seconds)
        self.waiting += 1
        self._open.wait()
        self.waiting -= 1


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Door)
        self.server.pass_through()
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def front_door(page_seconds: float = 0.0) -> Iterator[Door]:
    """One that is open."""
    with Door(page_seconds) as door:
        threading.Thread(target=door.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield door
        finally:
            door.open()
            door.shutdown()

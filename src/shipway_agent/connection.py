"""An address in, one connection that speaks HTTP out: to a port, to a UNIX socket, with TLS where a name is given."""

from __future__ import annotations

import socket
from http.client import HTTPConnection, HTTPException
from typing import Optional

from shipway_agent.probes import connect, secured

__all__ = ["Connection", "HTTPException"]


class Connection(HTTPConnection):
    """`opened` is the socket, kept under a second name: http.client lets go of `sock` as soon as it knows that the server will close."""

    def __init__(self, address: str, timeout_seconds: float, secure_name: str = "") -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._secure_name = secure_name
        self.opened: Optional[socket.socket] = None

    def connect(self) -> None:
        self.opened = self.sock = connect(self._address, self._timeout_seconds)
        if self._secure_name:
            self.opened = self.sock = secured(self.sock, self._secure_name)

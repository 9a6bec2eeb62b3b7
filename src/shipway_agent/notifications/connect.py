"""A place in, a connection to an address that was checked out: nothing is looked up again between the check and the connection."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from typing import Iterator, List, Tuple, Union

from shipway_agent.notifications.targets import Place, literal, why_not

SECONDS = 30.0
"""Bound of one whole exchange, however slowly the other side speaks."""

CONNECT_SECONDS = 10.0
WRONG_NAME = 62
"""OpenSSL's number for a certificate of another name; its own words would repeat the name."""


class Undelivered(Exception):
    """A message did not arrive. The words say why, and hold no part of the target."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def connect(place: Place) -> socket.socket:
    """A TCP connection. Raises Undelivered: no address, only forbidden ones, or nobody there."""
    fault = "its name has no address"
    until = time.monotonic() + SECONDS
    for address in _addresses(place):
        found = literal(address[0])
        refused = "should be an address" if found is None else why_not(found)
        if refused is None and place.scheme == "http" and found is not None and not found.is_loopback:
            refused = "should begin with https://: without it only the host itself may be told"
        if refused is not None:
            fault = f"its address {refused}"
            continue
        if time.monotonic() >= until:
            break
        try:
            return socket.create_connection(address, CONNECT_SECONDS)
        except OSError as error:
            fault = f"cannot connect: {why(error)}"
    raise Undelivered(fault)


def encrypted(connection: socket.socket, host: str) -> ssl.SSLSocket:
    """The same under TLS, its certificate verified for the host. Raises OSError, ssl.SSLError."""
    return context().wrap_socket(connection, server_hostname=host.rstrip("."))


def context() -> ssl.SSLContext:
    """What this machine trusts; at least TLS 1.2."""
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


@contextmanager
def bounded(connection: socket.socket) -> Iterator[None]:
    """Break the connection when the block takes longer: a timeout of a socket counts anew with every byte."""
    # Its own descriptor of the same connection: TLS takes over the one it is given.
    own = socket.socket(fileno=os.dup(connection.fileno()))
    timer = threading.Timer(SECONDS, _break, (own,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        own.close()


def why(error: BaseException) -> str:
    """A fault of the network in words that hold nothing of the target."""
    if isinstance(error, Undelivered):
        return error.words
    if isinstance(error, ssl.SSLCertVerificationError):
        wrong_name = error.verify_code == WRONG_NAME
        return f"its certificate is not accepted: {'it is of another name' if wrong_name else error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or 'no reason given').replace('_', ' ').lower()}"
    if isinstance(error, socket.timeout):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.errno in errno.errorcode:
        return os.strerror(error.errno or 0)
    return "it broke the connection off" if isinstance(error, OSError) else f"it does not speak as it should ({type(error).__name__})"


def _addresses(place: Place) -> List[Tuple[str, int]]:
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys((str(address[0]), place.port) for *_, address in found))


def _break(connection: Union[socket.socket, ssl.SSLSocket]) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended by itself

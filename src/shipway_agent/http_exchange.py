"""A connection and a request in, the answer out: HTTP/1.1 as far as one question on a connection of its own needs it.

http.client is a third of what a session imports (it brings all of `email`), and each deployment asks some dozen pages. Everything is
bounded: the head, the body and the time in which both must be here.
"""

from __future__ import annotations

import time

from shipway_agent.sockets import socket
from shipway_agent.typed import Dict, Mapping, NamedTuple, Optional, Tuple

HEAD_BYTES = 64 << 10
PART_BYTES = 64 << 10
LINES = 200


class NotHttp(Exception):
    """What came is no answer. The message says what it was."""


class Closed(NotHttp):
    """The other end closed the connection before it answered."""


class Response(NamedTuple):
    """What came: `headers` by their names in small letters; of a body that ended early, what there was."""

    status: int
    headers: Dict[str, str]
    body: bytes


def exchange(
    connection: socket,
    method: str,
    path: str,
    headers: Mapping[str, str],
    *,
    until: float,
    most_bytes: int,
    body: Optional[bytes] = None,
) -> Response:
    """Send a request and read its answer, of the body at most `most_bytes`. `until` is on time.monotonic().

    Raises TimeoutError, OSError, NotHttp; ValueError for what cannot be asked: a path or a header that would begin another line.
    """
    lines = [f"{method} {_word(path)} HTTP/1.1", "Accept-Encoding: identity", "Connection: close"]
    lines += [f"{name}: {_line(value)}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}"] if body is not None else []
    connection.settimeout(_left(until))
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))
    incoming = _Incoming(connection, until)
    status, found = _head(incoming)
    while 100 <= status < 200:
        status, found = _head(incoming)
    if status in (204, 304):
        return Response(status, found, b"")
    if "chunked" in found.get("transfer-encoding", "").lower():
        return Response(status, found, _chunks(incoming, most_bytes))
    length = found.get("content-length", "")
    return Response(status, found, incoming.up_to(min(most_bytes, int(length)) if length.isdigit() else most_bytes))


class _Incoming:
    """Bytes as they come."""

    def __init__(self, connection: socket, until: float) -> None:
        self._connection = connection
        self._until = until
        self._here = b""
        self._ended = False

    def line(self) -> bytes:
        """The next line without its end. Raises NotHttp for one that is too long or has no end, Closed where nothing more comes."""
        while b"\n" not in self._here:
            if len(self._here) > HEAD_BYTES:
                raise NotHttp(f"a line of more than {HEAD_BYTES >> 10} KiB")
            if not self._more():
                raise Closed("") if not self._here else NotHttp(repr(self._here[:80]))
        line, _, self._here = self._here.partition(b"\n")
        return line.rstrip(b"\r")

    def up_to(self, size: int) -> bytes:
        """`size` bytes, fewer where the other end closes before."""
        while len(self._here) < size and self._more():
            pass
        found, self._here = self._here[:size], self._here[size:]
        return found

    def _more(self) -> bool:
        if self._ended:
            return False
        self._connection.settimeout(_left(self._until))
        part = self._connection.recv(PART_BYTES)
        self._here += part
        self._ended = not part
        return not self._ended


def _head(incoming: _Incoming) -> Tuple[int, Dict[str, str]]:
    first = incoming.line()
    words = first.decode("latin-1").split(None, 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or len(words[1]) != 3 or not words[1].isdigit():
        raise NotHttp(repr(first[:80]))
    found: Dict[str, str] = {}
    for _ in range(LINES):
        line = incoming.line().decode("latin-1")
        if not line:
            return int(words[1]), found
        name, _, value = line.partition(":")
        found[name.strip().lower()] = value.strip()
    raise NotHttp(f"a head of more than {LINES} lines")


def _chunks(incoming: _Incoming, most_bytes: int) -> bytes:
    parts, size = [], 0
    while size < most_bytes:
        said = incoming.line().partition(b";")[0].strip()
        try:
            length = int(said, 16)
        except ValueError:
            raise NotHttp(f"a chunk of {said[:20]!r} bytes") from None
        if length <= 0:
            break
        part = incoming.up_to(min(length, most_bytes - size))
        parts.append(part)
        size += len(part)
        if len(part) < length or incoming.line():
            break
    return b"".join(parts)


def _word(path: str) -> str:
    if not path or any(not 0x21 <= ord(character) <= 0x7E for character in path):
        raise ValueError(f"{path!r} cannot be asked for")
    return path


def _line(value: str) -> str:
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
        raise ValueError(f"{value!r} is no value of a header")
    return value


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left

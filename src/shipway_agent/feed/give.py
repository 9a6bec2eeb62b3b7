"""A shelf in; other hosts of the deployment fed from it, for as long as this listens. Bounded in connections, bytes and time."""

from __future__ import annotations

import socket
import ssl
import threading
import time

from shipway_agent.errors import AgentError
from shipway_agent.feed.line import PART_BYTES, TOLD, Answer, Nonsense, Question
from shipway_agent.feed.shelf import Shelf
from shipway_agent.record import dataclass, field
from shipway_agent.typed import IO, Dict, Optional, Set, Tuple

HANDSHAKE_SECONDS = 10.0
"""What a caller gets to show its certificate."""

IDLE_SECONDS = 15.0
"""A caller that says nothing for so long, or takes nothing, is let go: one that waits asks again every second."""


SAME = 2
"""Callers that get one parcel at once: others take it from those, so that a slow line carries it twice and not once for each."""

BACKLOG = 64


@dataclass
class Giver:
    """The listener of one session. `most` bounds the callers that have shown a certificate, and as many that have not yet: of these the
    longest there makes room for the next. `most_times` bounds how often all that is wanted is given to them.
    """

    shelf: Shelf
    context: ssl.SSLContext
    most: int
    most_times: int
    given: int = 0
    heard: float = field(default_factory=time.monotonic)
    _calling: Dict[socket.socket, float] = field(default_factory=dict)
    _strangers: Set[socket.socket] = field(default_factory=set)
    _giving: Dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def listen(self, host: str) -> int:
        """Begin, at a port that the kernel chooses, which is returned. Raises OSError."""
        if host == "" and socket.has_dualstack_ipv6():
            self._listener = socket.create_server(("", 0), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
        else:
            self._listener = socket.create_server((host, 0), backlog=BACKLOG)
        threading.Thread(target=self._accept, name="feed listener", daemon=True).start()
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        """Nothing listens, and nothing more is told to anybody, when this returns."""
        with self._lock:
            self._closed = True
            open_ones = list(self._calling)
        hang_up(self._listener)
        self._listener.close()
        for one in open_ones:
            hang_up(one)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                connection.settimeout(HANDSHAKE_SECONDS)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                talk = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            except (OSError, ValueError):
                connection.close()  # it is gone already
                continue
            if self._welcome(talk):
                threading.Thread(target=self._serve, args=(talk,), name="feed caller", daemon=True).start()
            else:
                talk.close()

    def _welcome(self, talk: ssl.SSLSocket) -> bool:
        with self._lock:
            if self._closed or len(self._calling) - len(self._strangers) >= self.most:
                return False
            if len(self._strangers) >= self.most:
                oldest = min(self._strangers, key=lambda one: self._calling[one])
                self._strangers.discard(oldest)
                del self._calling[oldest]
                hang_up(oldest)
            self._calling[talk] = time.monotonic()
            self._strangers.add(talk)
            return True

    def _serve(self, talk: ssl.SSLSocket) -> None:
        try:
            with talk:
                talk.do_handshake()
                with self._lock:
                    self._strangers.discard(talk)
                talk.settimeout(IDLE_SECONDS)
                with talk.makefile("rb") as stream:
                    self._answer_all(talk, stream)
        except (OSError, ValueError, Nonsense, AgentError):
            pass  # it is the caller who wants something: whoever it is asks again, or somebody else
        finally:
            with self._lock:
                self._strangers.discard(talk)
                self._calling.pop(talk, None)

    def _answer_all(self, talk: ssl.SSLSocket, stream: IO[bytes]) -> None:
        while not self._closed:
            question = Question.read(stream)
            if question is None:
                return
            self.heard = time.monotonic()
            if question.give is None and question.wait:
                self.shelf.wait(question.since, question.wait)
            have = tuple(self.shelf.since(question.since)[:TOLD])
            data, busy = self._fetch(question.give)
            try:
                talk.sendall(Answer(have, busy, len(data)).to_bytes())
                for start in range(0, len(data), PART_BYTES):
                    talk.sendall(memoryview(data)[start : start + PART_BYTES])
            finally:
                self._fetched(question.give if data else None)

    def _fetch(self, digest: object) -> Tuple[bytes, bool]:
        """The parcel, or nothing: because it is not here, or (True) because enough others get it now."""
        if not isinstance(digest, str) or digest not in self.shelf.wanted or self.shelf.lacks(digest):
            return b"", False
        size = self.shelf.wanted[digest]
        with self._lock:
            if self.given + size > self.most_times * sum(list(self.shelf.wanted.values())):
                return b"", False
            if self._giving.get(digest, 0) >= SAME:
                return b"", True
            self._giving[digest] = self._giving.get(digest, 0) + 1
            self.given += size
        try:
            return self.shelf.store.read(digest), False
        except BaseException:
            self._fetched(digest)
            raise

    def _fetched(self, digest: Optional[str]) -> None:
        if digest is not None:
            with self._lock:
                self._giving[digest] -= 1


def hang_up(one: socket.socket) -> None:
    """Whoever reads from it or writes to it in another thread stops at once, and closes it."""
    try:
        # Not the method of ssl's sockets: that one takes TLS off first, and what the other thread writes then would be plain.
        socket.socket.shutdown(one, socket.SHUT_RDWR)
    except OSError:
        pass  # the other end was quicker

"""A peer's addresses in, its parcels on the shelf out: one thread a peer, which gives up a peer that is dead, silent or lies."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time

from shipway_agent.errors import AgentError
from shipway_agent.feed.give import hang_up
from shipway_agent.feed.line import PART_BYTES, Answer, Nonsense, Question
from shipway_agent.feed.names import NAME
from shipway_agent.feed.shelf import Lie, Shelf
from shipway_agent.record import dataclass, field
from shipway_agent.typed import IO, Dict, List, Optional, Sequence

CONNECT_SECONDS = 2.0
"""What a peer gets to take a connection."""

HANDSHAKE_SECONDS = 10.0
"""What it gets to show its certificate: many do so at once, on a machine that is busy. Nobody else waits for it."""

STALL_SECONDS = 10.0
"""A peer from which no byte comes for so long is given up; what it was asked for comes from another much earlier (shelf.py)."""

WAIT_SECONDS = 0.5
"""How long a peer is asked to wait for something new: then we look whether it has what another did not bring."""

BUSY_SECONDS = 0.1

TRIES = 2
"""Times a peer is dialled whose connection broke."""


@dataclass
class Taker:
    """One peer, by its number. `alive` from its handshake until it is given up; `lied`: it sent something else than it promised."""

    number: str
    addresses: Sequence[str]
    shelf: Shelf
    context: ssl.SSLContext
    alive: bool = False
    ended: bool = False
    reached: bool = False
    lied: bool = False
    fault: Optional[AgentError] = None
    _offered: Dict[str, float] = field(default_factory=dict)
    _talk: Optional[socket.socket] = None
    _thread: Optional[threading.Thread] = None

    def begin(self) -> None:
        """Start taking."""
        self._thread = threading.Thread(target=self._run, name=f"feed from {self.number}", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Stop at once; the shelf must be closed before."""
        talk = self._talk
        if talk is not None:
            hang_up(talk)

    def _run(self) -> None:
        try:
            for _ in range(TRIES):
                if not self._done():
                    self._try()
                if self._done() or self.lied or self._talk is None:
                    return
        finally:
            self.alive, self.ended = False, True

    def _done(self) -> bool:
        return self.shelf.whole or self.shelf.closed or self.fault is not None

    def _try(self) -> None:
        try:
            with self._connect() as connection:
                self._talk = connection
                connection.settimeout(HANDSHAKE_SECONDS)
                name = NAME.format(self.number)
                with self.context.wrap_socket(connection, server_hostname=name, do_handshake_on_connect=False) as talk:
                    self._talk = talk
                    talk.do_handshake()
                    self.alive = self.reached = True
                    talk.settimeout(STALL_SECONDS)
                    with talk.makefile("rb") as stream:
                        self._take_all(talk, stream)
        except Lie:
            self.lied = True
        except AgentError as error:
            self.fault = error  # of our own disk: no peer can mend that
        except (OSError, ValueError, Nonsense):
            pass  # another peer, or the operator, brings what this one does not
        finally:
            self.alive = False

    def _connect(self) -> socket.socket:
        last: Exception = OSError("no address")
        for address in self.addresses:
            host, _, port = address.rpartition(":")
            try:
                connection = socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
            except (OSError, ValueError) as error:
                last = error
        raise last

    def _take_all(self, talk: ssl.SSLSocket, stream: IO[bytes]) -> None:
        self._offered = {}
        since = 0
        while not self._done():
            now = time.monotonic()
            digest = self.shelf.claim(self.number, self._ready(now))
            try:
                talk.sendall(Question(since, 0.0 if digest else WAIT_SECONDS, digest).to_bytes())
                answer = Answer.read(stream)
                if answer is None:
                    return
                since += len(answer.have)
                for new in answer.have:
                    self._offered[new] = 0.0
                if digest is not None:
                    self._receive(digest, answer, stream)
            finally:
                if digest is not None:
                    self.shelf.release(self.number, digest)
            if digest is not None and answer.busy:
                self._offered[digest] = now + BUSY_SECONDS
            elif digest is None and not answer.have and any(self.shelf.lacks(one) for one in self._offered):
                self.shelf.wait_for_change(BUSY_SECONDS)

    def _ready(self, now: float) -> List[str]:
        """What the peer has offered and may be asked for now. Each host begins elsewhere, so that not all ask for the same."""
        found = [digest for digest, at in self._offered.items() if at <= now and self.shelf.lacks(digest)]
        turn = int.from_bytes(os.urandom(2), "big") % len(found) if found else 0
        return found[turn:] + found[:turn]

    def _receive(self, digest: str, answer: Answer, stream: IO[bytes]) -> None:
        if not answer.size:
            if not answer.busy:
                self._offered.pop(digest, None)
            return
        if answer.size != self.shelf.wanted[digest]:
            raise Lie(digest)
        parts, left = [], answer.size
        while left:
            if self.shelf.closed:
                raise OSError("nobody waits any more")
            part = stream.read(min(left, PART_BYTES))
            if not part:
                raise OSError("the peer ended in the middle of a parcel")
            self.shelf.move(self.number, digest)
            parts.append(part)
            left -= len(part)
        self.shelf.put(digest, b"".join(parts), self.number)

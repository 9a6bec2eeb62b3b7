"""The questions of other hosts in, this host's answers out: its listener, while another may still ask (peers.py has what is said)."""

from __future__ import annotations

import selectors
import socket
import threading
import time

from shipway_agent import clock
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.peers import LINE_BYTES, PATIENCE_SECONDS, answer
from shipway_agent.record import dataclass, field
from shipway_agent.root import Root
from shipway_agent.typed import Callable, Dict, Optional

EVERYWHERE = ""
"""The host to listen on for hosts of other machines."""

MOST_AT_ONCE = 64
BACKLOG = 64


class Lead:
    """The listener of a host, in a thread with a journal of its own. `on_change` is called after each question that was answered.

    The journal is opened for the first question: in most deployments most hosts are asked none.
    """

    def __init__(self, root: Root, host: str, port: int, on_change: Callable[[], None]) -> None:
        """`host` is 127.0.0.1 or EVERYWHERE; port 0 lets the kernel choose. Raises AgentError `port` where the port is taken."""
        self._root = root
        self._journal: Optional[Journal] = None
        self._on_change = on_change
        try:
            self._listener = _listener(host, port)
        except OSError as error:
            raise AgentError("port", f"cannot listen for the other hosts on {host or '*'}:{port}: {error.strerror}", port=port) from error
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._stop_reader, self._stop_writer = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="lead", daemon=True)
        self._thread.start()

    @property
    def listens(self) -> bool:
        """Whether it still does; False behind a fault of ours."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop listening; the port is free when this returns."""
        self._stop_writer.close()
        self._thread.join()
        self._stop_reader.close()
        if self._journal is not None:
            self._journal.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._stop_reader, selectors.EVENT_READ)
            callers: Dict[socket.socket, _Caller] = {}
            while True:
                ready = [key.fileobj for key, _ in selector.select(1.0 if callers else None)]
                if self._stop_reader in ready:
                    break
                for one in ready:
                    if one is self._listener:
                        self._welcome(selector, callers)
                    elif isinstance(one, socket.socket) and one in callers and self._hear(callers[one]):
                        _part(selector, callers, one)
                for one in [one for one, caller in callers.items() if time.monotonic() > caller.until]:
                    _part(selector, callers, one)
            for one in list(callers):
                _part(selector, callers, one)

    def _welcome(self, selector: selectors.BaseSelector, callers: Dict[socket.socket, _Caller]) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(callers) >= MOST_AT_ONCE:
            _part(selector, callers, min(callers, key=lambda one: callers[one].until))
        connection.setblocking(False)
        callers[connection] = _Caller(connection, time.monotonic() + PATIENCE_SECONDS)
        selector.register(connection, selectors.EVENT_READ)

    def _hear(self, caller: _Caller) -> bool:
        """Read what came, answer a whole question; True when there is no more to say."""
        try:
            part = caller.connection.recv(LINE_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            return True
        caller.said += part
        if b"\n" not in caller.said:
            return not part or len(caller.said) > LINE_BYTES
        try:
            self._journal = self._journal or Journal(self._root)
            reply = answer(self._journal, caller.said.partition(b"\n")[0], clock.boot_now())
        except AgentError:
            reply = None  # the journal cannot be read or written now; silence makes the member ask again
        if reply is not None:
            try:
                caller.connection.send(reply)
            except OSError:
                pass  # it asks again
            self._on_change()
        return True


def _listener(host: str, port: int) -> socket.socket:
    """Bound and listening; on everything means IPv4 and, where the kernel has it, IPv6."""
    if host == EVERYWHERE and socket.has_dualstack_ipv6():
        return socket.create_server((host, port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
    return socket.create_server((host, port), backlog=BACKLOG)


@dataclass
class _Caller:
    connection: socket.socket
    until: float
    said: bytes = field(default=b"")


def _part(selector: selectors.BaseSelector, callers: Dict[socket.socket, _Caller], one: socket.socket) -> None:
    selector.unregister(one)
    del callers[one]
    one.close()

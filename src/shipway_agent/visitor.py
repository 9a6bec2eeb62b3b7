"""A front door and a page in, for how long it gave no good answer out: asked every 50 ms as any visitor would, never twice for one answer.

One visitor a deployment, in the session that switches: `begin` right before the switch, `seconds` when a proof ends, `end` when this host
has followed the decision. Whoever drives on over another session measures from there.
"""

from __future__ import annotations

import threading
import time

from shipway_agent import probes
from shipway_agent.caddy.ports import reachable
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, Mapping, Optional, Tuple

EVERY_SECONDS = 0.05
PATIENCE_SECONDS = 1.0
"""Bound of the first and of the last request, which a switch and an acknowledgement wait for."""

LAST_SECONDS = 2.0
"""How long the end waits for a good answer, so that the gap it ends is measured whole."""

_visitors: Dict[Tuple[str, str], Visitor] = {}
_lock = threading.Lock()


def begin(root: Root, deployment: str, ended: threading.Event, args: Mapping[str, Any]) -> Optional[Visitor]:
    """The visitor of a deployment, asking from now on until `ended`; None where there is no front door to ask at, or nobody is let in.

    `args` are those of a step: {"front": {"listen", "host", "tls": where https is, if it is} | null, "pages": [PAGE], "visit": false where
    visitors are kept out or held}.
    """
    front, pages = args.get("front"), args.get("pages")
    if not front or not pages or args.get("visit") is False:
        return None
    key = root.path, deployment
    with _lock:
        if key not in _visitors:
            _visitors[key] = Visitor(front, pages[0], ended)
        return _visitors[key]


def end(root: Root, deployment: str) -> Optional[float]:
    """The whole downtime of a deployment in seconds, and nobody asks any more; None where nobody did."""
    with _lock:
        visitor = _visitors.pop((root.path, deployment), None)
    return None if visitor is None else visitor.end()


class Visitor:
    """Asks one page again and again, from its making until `ended` or `end`; each request on a connection of its own.

    Downtime is the longest time from a good answer to the next one with a bad answer between them. What was bad before the first good
    answer is none: nothing served.
    """

    def __init__(self, front: Mapping[str, Any], page: Mapping[str, Any], ended: threading.Event) -> None:
        self._front = front
        self._page = page
        self._ended = ended
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._good_at: Optional[float] = None
        self._failing = False
        self._longest_seconds = 0.0
        self._visit(PATIENCE_SECONDS)
        threading.Thread(target=self._go_on, name="visitor", daemon=True).start()

    def seconds(self) -> float:
        """The longest gap so far, one that lasts included."""
        with self._lock:
            lasting = time.monotonic() - self._good_at if self._failing and self._good_at is not None else 0.0
            return round(max(self._longest_seconds, lasting), 3)

    def end(self) -> float:
        """Ask a last time, in a gap until it ends or two seconds have passed; then `seconds`."""
        self._over.set()
        until = time.monotonic() + LAST_SECONDS
        while not self._visit(PATIENCE_SECONDS) and self._good_at is not None and time.monotonic() < until:
            time.sleep(EVERY_SECONDS)
        return self.seconds()

    def _go_on(self) -> None:
        next_at = time.monotonic()
        while not self._ended.is_set():
            next_at = max(next_at + EVERY_SECONDS, time.monotonic())
            if self._over.wait(next_at - time.monotonic()):
                return
            self._visit(float(self._page.get("timeout_seconds", 5.0)))

    def _visit(self, timeout_seconds: float) -> bool:
        secure = self._front.get("tls")
        listen = str(secure or self._front["listen"])
        host = str(self._front.get("host") or listen)
        answer = probes.ask(reachable(listen), self._page["path"], timeout_seconds, host=host, tls=bool(secure))
        good = probes.fault(answer, self._page) is None
        now = time.monotonic()
        with self._lock:
            if not good:
                self._failing = True
            else:
                if self._failing and self._good_at is not None:
                    self._longest_seconds = max(self._longest_seconds, now - self._good_at)
                self._good_at, self._failing = now, False
        return good

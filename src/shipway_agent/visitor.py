"""A front door and a page in, for how long it gave no good answer out: asked as any visitor would, never twice for one answer.

One visitor a deployment, in the session that switches: `ahead` while candidates start, so that no switch waits for a page; `begin` when the
word to switch has come, `seconds` when a proof ends, `end` when this host has followed the decision. Whoever drives on over another session
measures from there.
"""

from __future__ import annotations

import threading
import time

from shipway_agent import probes
from shipway_agent.caddy.ports import reachable
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.primitives import Context
from shipway_agent.record import replace
from shipway_agent.root import Root
from shipway_agent.typed import Any, Callable, Dict, Mapping, Optional, Tuple

EVERY_SECONDS = 0.05
AHEAD_SECONDS = 0.25
"""From an answer to the next request before the switch: a slow host may keep the others waiting for minutes, and each request is work."""

LOOK_SECONDS = 5.0
"""How often it looks before the switch whether one may still come: a driver that was cut off leaves nobody to end it."""

PATIENCE_SECONDS = 1.0
"""Bound of the wait for the first answer, and of the last request, for which a start and an acknowledgement wait."""

LAST_SECONDS = 2.0
"""How long the end waits for a good answer, so that the gap it ends is measured whole."""

_visitors: Dict[Tuple[str, str], Visitor] = {}
_lock = threading.Lock()


def ahead(context: Context, args: Mapping[str, Any]) -> Optional[Visitor]:
    """The visitor of a deployment before its switch, asking four times a second from now on; its first answer is not waited for.

    `args` are those of a step: {"front": {"listen", "host", "tls": where https is, if it is} | null, "pages": [PAGE], "visit": false where
    visitors are kept out or held}. None where there is no front door to ask at, or nobody is let in.
    """
    front, pages = args.get("front"), args.get("pages")
    if not front or not pages or args.get("visit") is False:
        return None
    key = context.root.path, context.deployment
    with _lock:
        if key not in _visitors or _visitors[key].is_gone:
            _visitors[key] = Visitor(front, pages[0], context.ended, lambda: _may_switch(context))
        return _visitors[key]


def begin(context: Context, args: Mapping[str, Any]) -> Optional[Visitor]:
    """The same at the switch and behind it: asking every 50 ms from now on, with its first answer, or a second after its first request."""
    visitor = ahead(context, args)
    if visitor is not None:
        visitor.hurry()
        visitor.wait()
    return visitor


def end(root: Root, deployment: str) -> Optional[float]:
    """The whole downtime of a deployment in seconds, and nobody asks any more; None where nobody did."""
    with _lock:
        visitor = _visitors.pop((root.path, deployment), None)
    return None if visitor is None else visitor.end()


def _may_switch(context: Context) -> bool:
    """Whether this host's record has the deployment open. A journal belongs to one thread, so this is one of its own."""
    try:
        with Journal(context.root) as journal:
            return not replace(context, journal=journal).is_moot()
    except AgentError:
        return True  # what cannot be read now is no answer


class Visitor:
    """Asks one page again and again, from its making until `ended` or `end`; each request on a connection of its own.

    Every 50 ms from `hurry` on; before it four times a second, for as long as `may_switch` says that a switch may still come.
    Downtime is the longest time from a good answer to the next one with a bad answer between them. What was bad before the first good
    answer is none: nothing served.
    """

    def __init__(self, front: Mapping[str, Any], page: Mapping[str, Any], ended: threading.Event, may_switch: Callable[[], bool]) -> None:
        self._front = front
        self._page = page
        self._ended = ended
        self._may_switch = may_switch
        self._answered = threading.Event()
        self._hurried = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._gone_at: Optional[float] = None
        self._good_at: Optional[float] = None
        self._failing = False
        self._longest_seconds = 0.0
        threading.Thread(target=self._go_on, name="visitor", daemon=True).start()

    @property
    def is_gone(self) -> bool:
        """Whether it found that no switch could come any more, and asks no more."""
        return self._gone_at is not None

    def wait(self) -> None:
        """Return with its first answer, or a second after it was asked for."""
        self._answered.wait(max(0.0, self._began + PATIENCE_SECONDS - time.monotonic()))

    def hurry(self) -> None:
        """The word to switch has come: ask at once, and every 50 ms from now on.

        Where the last answer was good, a gap begins now at the earliest: that nobody asked for a quarter of a second is no downtime.
        """
        with self._lock:
            if self._good_at is not None and not self._failing and not self._hurried.is_set():
                self._good_at = time.monotonic()
        self._hurried.set()

    def seconds(self) -> float:
        """The longest gap so far, one that lasts included."""
        with self._lock:
            now = time.monotonic() if self._gone_at is None else self._gone_at
            lasting = now - self._good_at if self._failing and self._good_at is not None else 0.0
            return round(max(self._longest_seconds, lasting), 3)

    def end(self) -> float:
        """Ask a last time, in a gap until it ends or two seconds have passed; then `seconds`. One that has gone by itself asks no more."""
        self._over.set()
        self._hurried.set()
        until = time.monotonic() + LAST_SECONDS
        while self._gone_at is None and not self._visit(PATIENCE_SECONDS) and self._good_at is not None and time.monotonic() < until:
            time.sleep(EVERY_SECONDS)
        return self.seconds()

    def _go_on(self) -> None:
        asked_at = looked_at = time.monotonic()
        self._visit()
        self._answered.set()
        while not self._hurried.wait(AHEAD_SECONDS):
            asked_at = time.monotonic()
            if asked_at >= looked_at + LOOK_SECONDS:
                looked_at = asked_at
                if not self._may_switch():
                    self._gone_at = asked_at
            if self._gone_at is not None or self._ended.is_set():
                return
            self._visit()
        while not self._ended.is_set():
            asked_at = max(asked_at + EVERY_SECONDS, time.monotonic())
            if self._over.wait(asked_at - time.monotonic()):
                return
            self._visit()

    def _visit(self, bound_seconds: Optional[float] = None) -> bool:
        """Ask once, and note when it was good; by default for as long as the page may take."""
        timeout_seconds = float(self._page.get("timeout_seconds", 5.0)) if bound_seconds is None else bound_seconds
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

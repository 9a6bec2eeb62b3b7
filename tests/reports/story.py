"""Deployments as streams of events, told as the driver tells them: one that goes live, one that is undone. Times are exact."""

from __future__ import annotations

import unicodedata
from typing import Any

from shipway.model.event import Event

START = 1790000000.0
DEPLOYMENT = "7-abc123"
BEGAN: dict[str, Any] = {
    "kind": "deploy",
    "app": "shop",
    "environment": "production",
    "release": "2" + "d" * 63,
    "commit": "2" + "c" * 39,
    "tree": "2" + "e" * 39,
    "version": "1.2",
    "who": "ann@laptop",
    "members": ["a", "b"],
    "lead": "a",
    "source": {"a": 6, "b": 6},
    "target": 7,
    "notes": ["migrate has no undo"],
    "confirm_seconds": 60.0,
    "watch_seconds": 5.0,
}


class Teller:
    """Collects events; `at` is seconds since the start."""

    def __init__(self, deployment: str = DEPLOYMENT, start: float = START) -> None:
        self.events: list[Event] = []
        self._deployment = deployment
        self._start = start

    def __call__(self, at: float, kind: str, host: str = "", /, **data: Any) -> None:
        self.events.append(Event(kind, self._start + at, self._deployment, host, data))

    def step(self, host: str, began: float, ended: float, key: str, title: str, **ending: Any) -> None:
        self(began, "step", host, key=key, title=title, state="started")
        self(ended, "step", host, **{"key": key, "title": title, "state": "done", "seconds": ended - began, "answer": {}, **ending})


def live(deployment: str = DEPLOYMENT, start: float = START) -> list[Event]:
    """Two hosts, 10 s: prepared by 3 s, switched at 5 s, proved at 9 s."""
    tell = Teller(deployment, start)
    for host in ("a", "b"):
        tell(0.1, "connected", host, seconds=0.1)
        tell(0.2, "leased", host, fence=7, seconds=0.01)
    tell(0.3, "began", **BEGAN)
    _ship_and_prepare(tell)
    tell(3.0, "phase", name="start", wave="ready")
    for host in ("a", "b"):
        tell.step(host, 3.0, 4.8, "start", "start web × 1 and wait for health", answer={"addresses": {"web": ["127.0.0.1:9001"]}})
    tell(5.0, "barrier", name="ready", seconds=2.0)
    tell(5.0, "phase", name="switch", wave="switched")
    for host in ("a", "b"):
        tell.step(host, 5.0, 5.1, "switch", "switch", answer={"base": 6, "seconds": 0.002, "at_boot": 77.5})
        tell(5.1, "switched", host, base=6, seconds=0.002, at_boot=77.5)
    tell(5.2, "barrier", name="switched", seconds=0.2)
    tell(5.2, "phase", name="verify", wave="verify")
    for host in ("a", "b"):
        probes = [{"what": "front door /up", "ok": True, "seconds": 0.01, "detail": "200"}]
        tell.step(host, 5.2, 9.0, "prove", "prove what serves", answer={"probes": probes, "downtime_seconds": 0.0})
        tell(9.0, "proved", host, probes=probes)
    tell(9.0, "barrier", name="verify", seconds=3.8)
    tell(9.1, "decided", "a", decision="committed")
    for host in ("a", "b"):
        tell(9.2, "told", host, decision="committed")
    tell(9.2, "phase", name="finish", wave="finish")
    tell(9.3, "draining", "b", generation=6, name="web", instance=1, seconds_left=20.0)
    message = "1.2 is live in production, proved on a, b in 10.0 s"
    tell(10.0, "ended", verdict="live", exit_code=0, message=message, hint="", seconds=10.0)
    return tell.events


def undone(deployment: str = DEPLOYMENT, start: float = START, *, why: str = "web.1 ended with 3") -> list[Event]:
    """The same, but on b the new web dies as it starts: undone after 5 s. `why` is what b says of it."""
    tell = Teller(deployment, start)
    for host in ("a", "b"):
        tell(0.2, "leased", host, fence=7, seconds=0.01)
    tell(0.3, "began", **BEGAN)
    _ship_and_prepare(tell)
    tell(3.0, "phase", name="start", wave="ready")
    tell.step("a", 3.0, 3.5, "start", "start web × 1 and wait for health")
    tell(3.9, "output", "b", key="start", line="Traceback: \x1b]0;owned\x07no module \x1b[31mshop\x1b[0m")
    error = {"code": "died", "message": why, "lines": ["importing", "no module shop"], "facts": {"exit": 3}}
    tell.step("b", 3.0, 4.0, "start", "start web × 1 and wait for health", state="failed", error=error)
    tell(4.5, "phase", name="undo", wave="ready")
    tell(4.6, "decided", "a", decision="reverted")
    for host in ("a", "b"):
        tell(4.7, "told", host, decision="reverted")
    message = "b: web.1 ended with 3; undone on every host: 1.1 serves everywhere"
    tell(5.0, "ended", verdict="undone", exit_code=1, message=message, hint="shipway deploy production", seconds=5.0)
    return tell.events


def _ship_and_prepare(tell: Teller) -> None:
    tell(0.4, "phase", name="ship", wave="ship")
    tell(1.0, "shipped", "a", blobs=3, bytes=3_000_000, sent=1_000_000, seconds=0.6)
    tell(0.6, "shipped", "b", blobs=0, bytes=0, sent=200, seconds=0.2)
    tell(1.0, "barrier", name="ship", seconds=0.6)
    tell(1.0, "phase", name="prepare", wave="prepared")
    for host, ended in (("a", 2.0), ("b", 3.0)):
        tell.step(host, 1.0, 1.2, "tree", "build and verify the tree", answer={"files": 3, "bytes": 3_000_000, "reused": False})
        tell.step(host, 1.2, ended, "task:install", "run install", answer={"exit": 0, "lines": [], "skipped": False})
        tell.step(host, ended, ended, "member:vote", "vote: prepared")
    tell(3.0, "barrier", name="prepared", seconds=2.0)


def harmless(line: str) -> bool:
    """Whether a line is one line, and holds nothing that a terminal would take for more than text."""
    return not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in line)

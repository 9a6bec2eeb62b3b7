"""`shipway maintenance on | off`: visitors get a page, or wait, while everything runs on behind the door."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from typing import Any

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts, Json
from shipway.model.intent import HOLD_SECONDS, Intent
from shipway.plan.gates import UNTOUCHED
from shipway.plan.orders.order import Change, Order, live_documents, refuse, routed_of
from shipway.plan.standing import CLOSED, MAINTENANCE
from shipway_agent.record import dataclass

LONGEST_MESSAGE = 2000
MOST_BYTES = 256 * 1024
HOW = ("how", "hold_seconds", "message", "page")
"""Keys that make it another maintenance."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What visitors get: a page with `message` on it, or `page` itself, or that of the release; or with `hold_seconds` an answer later."""

    hold_seconds: int | None = None
    message: str = ""
    page: str | None = None
    page_name: str = ""


def order_on(intent: Intent, facts: Mapping[str, HostFacts], wanted: Maintenance, *, who: str, at: float) -> Order:
    """Nobody but our own probes gets in. `at` is seconds since the epoch. Raises Refused, WrongInput with everything that is wrong."""
    live = live_documents(intent, facts)
    refuse(_faults(wanted), "maintenance on")
    name, hold = intent.environment.name, wanted.hold_seconds is not None
    if hold and routed_of(live) is None:
        _refuse_hold(
            "no process answers requests here, so there is nothing to hold them for", f"shipway maintenance on {name} shows a page"
        )
    if hold and any(document.get(CLOSED) for document in live.values()):
        _refuse_hold("the application is stopped: whoever is held would not be served", f"shipway start {name} starts it again")
    order: dict[str, Any] = {
        "how": "hold" if hold else "page",
        "hold_seconds": wanted.hold_seconds,
        "message": wanted.message,
        "page": None if wanted.page is None else _digest(wanted.page),
    }
    so = all(_same(document.get(MAINTENANCE), order) for document in live.values())
    options = [
        *(["--hold", "--hold-seconds", str(wanted.hold_seconds)] if hold else []),
        *(["--message", wanted.message] if wanted.message else []),
        *(["--page", wanted.page_name] if wanted.page is not None else []),
    ]
    return Order(
        "maintenance",
        f"maintenance on, requests are held for at most {wanted.hold_seconds} s" if hold else "maintenance on",
        shlex.join(["shipway", "maintenance", "on", name, *options]),
        {} if so else _changes(live, {**order, "since": at, "who": who}, judged=hold),
        shuts=not hold,
        opens=hold,
        page=wanted.page,
    )


def order_off(intent: Intent, facts: Mapping[str, HostFacts]) -> Order:
    """Visitors are let in again, once what they find is proved. Raises Refused."""
    live = live_documents(intent, facts)
    on = any(document.get(MAINTENANCE) for document in live.values())
    command = f"shipway maintenance off {shlex.quote(intent.environment.name)}"
    return Order("maintenance", "maintenance off", command, _changes(live, None, judged=True) if on else {}, opens=True)


def _changes(live: Mapping[str, Json], order: Mapping[str, Any] | None, *, judged: bool) -> dict[str, Change]:
    found = {}
    for host, document in live.items():
        names = tuple(str(p["name"]) for p in document["processes"])
        runs = tuple(str(p["name"]) for p in document["processes"] if p["instances"] and p["listens"])
        found[host] = Change(document["processes"], names, runs if judged else (), {MAINTENANCE: order})
    return found


def _faults(wanted: Maintenance) -> list[str]:
    faults = []
    if wanted.hold_seconds is not None and wanted.hold_seconds not in HOLD_SECONDS:
        faults.append(f"--hold-seconds is one of {', '.join(map(str, HOLD_SECONDS))}, and not {wanted.hold_seconds}")
    if wanted.message and wanted.page is not None:
        faults.append("--message goes on our page, and --page is one of your own: only one of them can be shown")
    if len(wanted.message) > LONGEST_MESSAGE:
        faults.append(f"the message has {len(wanted.message)} characters; a page of your own (--page) may have more than {LONGEST_MESSAGE}")
    if wanted.page is not None and len(wanted.page.encode("utf-8", "surrogateescape")) > MOST_BYTES:
        faults.append(f"{wanted.page_name} is longer than {MOST_BYTES // 1024} KiB; it is sent with every answer")
    return faults


def _same(now: Mapping[str, Any] | None, order: Mapping[str, Any]) -> bool:
    return bool(now) and all((now or {}).get(key) == order[key] for key in HOW)


def _refuse_hold(what: str, hint: str) -> None:
    raise Refused(what, state=UNTOUCHED, hint=hint, code="cannot-hold")


def _digest(page: str) -> str:
    return hashlib.blake2b(page.encode("utf-8", "surrogateescape"), digest_size=32).hexdigest()

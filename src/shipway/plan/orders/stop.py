"""`shipway stop` and `shipway start`: processes end and stay ended, whatever restarts on the host; and come back as they were."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Intent
from shipway.plan.orders.order import Change, Order, live_documents, refuse, routed_of, unknown_processes
from shipway.plan.standing import CLOSED, STOPPED


def order_stop(intent: Intent, facts: Mapping[str, HostFacts], processes: Sequence[str], *, who: str, at: float) -> Order:
    """End `processes`; none means the whole application. Without the process that requests go to, visitors get a page.

    `at` is seconds since the epoch. Raises Refused, WrongInput naming everything that is wrong.
    """
    live = live_documents(intent, facts)
    refuse(unknown_processes(processes, live), "stop")
    closes = not processes or routed_of(live) in processes
    since = {"since": at, "who": who}
    changes = {}
    for host, document in live.items():
        meant = {str(p["name"]) for p in document["processes"] if not processes or p["name"] in processes}
        ends = [p for p in document["processes"] if p["name"] in meant and p["instances"]]
        stopped = {**(document.get(STOPPED) or {}), **{str(p["name"]): {"instances": p["instances"], **since} for p in ends}}
        rows = [{**p, "instances": 0} if p in ends else p for p in document["processes"]]
        closed = document.get(CLOSED) or (since if closes else None)
        changes[host] = Change(rows, _others(rows, meant), (), {STOPPED: stopped, CLOSED: closed})
    idle = all(_is_so(change, live[host]) for host, change in changes.items())
    return Order(
        "stop",
        " ".join(["stop", *processes]),
        _command("stop", intent, processes),
        {} if idle else changes,
        shuts=closes,
        ends_warm=not processes,
    )


def order_start(intent: Intent, facts: Mapping[str, HostFacts], processes: Sequence[str]) -> Order:
    """Start again what was stopped, in the numbers that ran; of it only `processes`, where some are named. Raises as `order_stop` does."""
    live = live_documents(intent, facts)
    refuse(unknown_processes(processes, live), "start")
    opens = not processes or routed_of(live) in processes
    changes = {}
    for host, document in live.items():
        stopped = dict(document.get(STOPPED) or {})
        meant = {name for name in stopped if not processes or name in processes}
        rows = [{**p, "instances": stopped[p["name"]]["instances"]} if p["name"] in meant else p for p in document["processes"]]
        left = {name: order for name, order in stopped.items() if name not in meant}
        closed = None if opens else document.get(CLOSED)
        changes[host] = Change(rows, _others(rows, meant), tuple(sorted(meant)), {STOPPED: left, CLOSED: closed})
    idle = all(_is_so(change, live[host]) for host, change in changes.items())
    return Order("start", " ".join(["start", *processes]), _command("start", intent, processes), {} if idle else changes, opens=opens)


def _others(rows: Sequence[Json], meant: set[str]) -> tuple[str, ...]:
    return tuple(str(p["name"]) for p in rows if p["name"] not in meant)


def _is_so(change: Change, document: Json) -> bool:
    return list(change.processes) == list(document["processes"]) and bool(change.keys[CLOSED]) == bool(document.get(CLOSED))


def _command(kind: str, intent: Intent, processes: Sequence[str]) -> str:
    return shlex.join(["shipway", kind, intent.environment.name, *(word for name in processes for word in ("--process", name))])

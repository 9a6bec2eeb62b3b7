"""`shipway restart`: the same release and configuration in new processes. Those that are not named go on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.plan.gates import UNTOUCHED
from shipway.plan.orders.order import Change, Order, live_documents, refuse, unknown_hosts, unknown_processes


def order_restart(intent: Intent, facts: Mapping[str, HostFacts], processes: Sequence[str], hosts: Sequence[str]) -> Order:
    """New processes for `processes` (none: for all) on `hosts` (none: on all). Raises Refused, WrongInput with all that is wrong."""
    live = live_documents(intent, facts)
    refuse([*unknown_processes(processes, live), *unknown_hosts(hosts, live)], "restart")
    changes = {}
    for host, document in live.items():
        rows = document["processes"]
        meant = [
            str(p["name"]) for p in rows if p["instances"] and (not processes or p["name"] in processes) and (not hosts or host in hosts)
        ]
        takes = tuple(str(p["name"]) for p in rows if p["name"] not in meant)
        changes[host] = Change(rows, takes, tuple(meant))
    name = intent.environment.name
    if not any(change.judged for change in changes.values()):
        stopped = sorted({stopped for document in live.values() for stopped in document.get("stopped") or {}})
        what = (
            f"{' and '.join(stopped)} {'is' if len(stopped) == 1 else 'are'} stopped" if stopped else "none of these processes runs there"
        )
        hint = f"shipway start {name}" if stopped else f"shipway status {name} shows what runs where"
        raise Refused(f"there is nothing to restart: {what}", state=UNTOUCHED, hint=hint, code="nothing-runs")
    words = [*processes, *(["on", ", ".join(hosts)] if hosts else [])]
    options = [word for option, names in (("--process", processes), ("--host", hosts)) for one in names for word in (option, one)]
    return Order("restart", " ".join(["restart", *words]), shlex.join(["shipway", "restart", name, *options]), changes)

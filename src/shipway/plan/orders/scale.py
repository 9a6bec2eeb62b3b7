"""`shipway scale`: other numbers of copies. Only what is missing starts, what is too many drains, and the rest goes on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Intent
from shipway.plan.orders.order import Change, Order, live_documents, refuse, unknown_processes
from shipway.plan.proxy.routes import SLOTS
from shipway.plan.standing import SCALED, STOPPED, file_instances, wanted_instances

FILE = "file"
"""In place of a number: the one of shipway.toml."""

SETTING = re.compile(r"([^=\s]+)=(\d+|file)")


def order_scale(intent: Intent, facts: Mapping[str, HostFacts], settings: Sequence[str]) -> Order:
    """`settings` are NAME=NUMBER, copies on each host that has the process, or NAME=file. Raises Refused, WrongInput with all faults."""
    live = live_documents(intent, facts)
    wanted = _wanted(settings, live)
    changes = {host: _change(document, wanted) for host, document in live.items()}
    changed = any(change.processes != live[host]["processes"] or _differs(change.keys, live[host]) for host, change in changes.items())
    name = intent.environment.name
    return Order(
        "scale",
        f"scale {', '.join(_words(process, number, live) for process, number in wanted.items())}",
        shlex.join(["shipway", "scale", name, *settings]),
        changes if changed else {},
    )


def _wanted(settings: Sequence[str], live: Mapping[str, Json]) -> dict[str, str]:
    faults: list[str] = [] if settings else ["no process is named; `web=4` gives web four copies on each of its hosts"]
    found: dict[str, str] = {}
    for setting in settings:
        match = SETTING.fullmatch(setting)
        if match is None:
            faults.append(f"{setting!r} is not NAME=NUMBER and not NAME={FILE}")
            continue
        name, number = match.groups()
        unknown = unknown_processes([name], live)
        faults += unknown
        if name in found:
            faults.append(f"{name} has two numbers, {found[name]} and {number}")
        if number != FILE and int(number) > SLOTS:
            faults.append(f"{name}={number} is too many: a process has at most {SLOTS} copies on a host")
        if number != FILE and int(number) == 0 and not unknown and _listens(name, live):
            faults.append(f"{name}=0 leaves nobody to answer requests; `shipway stop --process {name}` shows visitors a page instead")
        found[name] = number
    refuse(faults, "scale")
    return found


def _change(document: Json, wanted: Mapping[str, str]) -> Change:
    rows, judged = [], []
    scaled = dict(document.get(SCALED) or {})
    stopped = dict(document.get(STOPPED) or {})
    for process in document["processes"]:
        name = str(process["name"])
        if name not in wanted:
            rows.append(process)
            continue
        of_file = file_instances(document, process)
        number = of_file if wanted[name] == FILE else int(wanted[name])
        scaled = {other: order for other, order in scaled.items() if other != name}
        if number != of_file:
            scaled[name] = {"instances": number, "file": of_file}
        if name in stopped:
            stopped[name] = {**stopped[name], "instances": number}
            rows.append(process)
        else:
            rows.append({**process, "instances": number})
            judged += [name] if number != process["instances"] else []
    takes = tuple(str(process["name"]) for process in rows)
    keys: dict[str, Any] = {SCALED: scaled, **({STOPPED: stopped} if stopped else {})}
    return Change(rows, takes, tuple(judged), keys)


def _differs(keys: Mapping[str, Any], document: Json) -> bool:
    return any(value != (document.get(key) or {}) for key, value in keys.items())


def _words(name: str, number: str, live: Mapping[str, Json]) -> str:
    """`web 2 → 4`."""
    document, process = next((d, p) for _, d in sorted(live.items()) for p in d["processes"] if p["name"] == name)
    becomes = file_instances(document, process) if number == FILE else int(number)
    return f"{name} {wanted_instances(document, process)} → {becomes}"


def _listens(name: str, live: Mapping[str, Json]) -> bool:
    return any(process["name"] == name and process["listens"] for document in live.values() for process in document["processes"])

"""Facts of a fleet in; out, what people ordered of it besides a release: other numbers of copies, what is stopped, maintenance.

These hold from one generation to the next, so each generation's document has them: `scaled` {name: {"instances", "file"}}, `stopped`
{name: {"instances", "since", "who"}} (its processes have 0 instances then), `closed` {"since", "who"} when the front door is, and
`maintenance` {"how": "page" | "hold", "hold_seconds", "message", "page", "since", "who"}, `held_back` as plan/held_back.py has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Intent
from shipway_agent.record import replace
from shipway_agent.wants import TAKES

SCALED, STOPPED, CLOSED, MAINTENANCE, HELD_BACK = "scaled", "stopped", "closed", "maintenance", "held_back"

EMPTY: Mapping[str, Any] = {STOPPED: {}, CLOSED: None, MAINTENANCE: None, HELD_BACK: []}
"""What an earlier generation may have, and is otherwise now unless it is ordered now."""


def newest_live(facts: Mapping[str, HostFacts]) -> Json:
    """The document of the newest generation that serves anywhere, by whose word the fleet goes; empty where nothing serves.

    Hosts have different processes: what was ordered of them is that of all hosts together.
    """
    documents = [live for _, fact in sorted(facts.items()) if (live := fact.live) is not None]
    number = max((int(document["number"]) for document in documents), default=0)
    newest = [document for document in documents if int(document["number"]) == number]
    if not newest:
        return {}
    orders = {key: {name: order for document in newest for name, order in (document.get(key) or {}).items()} for key in (SCALED, STOPPED)}
    return {**newest[0], **{key: order for key, order in orders.items() if order}}


def scaled(intent: Intent, facts: Mapping[str, HostFacts]) -> Intent:
    """The intent with the numbers of copies that `scale` ordered, for as long as shipway.toml says what it said then."""
    ordered = newest_live(facts).get(SCALED) or {}
    processes = tuple(
        replace(process, instances=int(ordered[process.name]["instances"]), scaled_from=process.instances)
        if process.name in ordered and int(ordered[process.name]["file"]) == process.instances
        else process
        for process in intent.shipment.processes
    )
    return replace(intent, shipment=replace(intent.shipment, processes=processes))


def scale_notes(intent: Intent, facts: Mapping[str, HostFacts]) -> list[str]:
    """What of an earlier `scale` holds on, and what shipway.toml has overruled since. `intent` is as `scaled` answers it."""
    ordered = newest_live(facts).get(SCALED) or {}
    now = {process.name: process for process in intent.shipment.processes}
    notes = []
    for name, order in sorted(ordered.items()):
        process = now.get(name)
        if process is None:
            continue
        if process.scaled_from is not None:
            notes.append(f"{name} is scaled to {process.instances}; shipway.toml says {process.scaled_from}")
        else:
            then = f"it was scaled to {order['instances']} when that said {order['file']}"
            notes.append(f"{name}: {process.instances}, as shipway.toml says now; {then}")
    return notes


def starts_again(facts: Mapping[str, HostFacts]) -> list[str]:
    """What was stopped and is started by whatever makes a generation of the intent, in a sentence; none where nothing was."""
    live = newest_live(facts)
    stopped = live.get(STOPPED) or {}
    if live.get(CLOSED):
        return [f"starts again what was stopped by {live[CLOSED]['who']}"]
    return [f"starts {name} again, which was stopped by {order['who']}" for name, order in sorted(stopped.items())]


def under_maintenance(facts: Mapping[str, HostFacts]) -> list[str]:
    """That visitors do not see what is made, in a sentence; none where they do."""
    order = newest_live(facts).get(MAINTENANCE)
    return [f"maintenance is on, by {order['who']}, and stays on: our own probes pass it"] if order else []


def kept(facts: Mapping[str, HostFacts]) -> dict[str, Any]:
    """The keys of a document that a new release takes on: maintenance, where it is on, and what is held back."""
    live = newest_live(facts)
    return {key: live[key] for key in (MAINTENANCE, HELD_BACK) if live.get(key)}


def page_of(document: Json, fact: HostFacts) -> dict[str, int]:
    """The argument of a step that makes a generation: who has the page of the maintenance that goes on; none without such a page."""
    live = fact.live or {}
    wanted = (document.get(MAINTENANCE) or {}).get("page")
    there = wanted and (live.get(MAINTENANCE) or {}).get("page") == wanted
    return {"page_of": int(live["number"])} if there else {}


def as_now(document: Json, fact: HostFacts, facts: Mapping[str, HostFacts]) -> dict[str, Any]:
    """The keys of an earlier generation that are otherwise now, when it becomes current again on a host."""
    rows = rows_as_ordered(document, facts)
    was = {str(p["name"]): file_instances(document, p) for p in document["processes"]}
    orders = {str(p["name"]): {"instances": p["instances"], "file": was[p["name"]]} for p in rows if p["instances"] != was[p["name"]]}
    warm = fact.member.warm
    taken = [str(p["name"]) for p in rows if p["listens"]] if warm is not None and warm.generation == document["number"] else []
    cleared: dict[str, Any] = {key: empty for key, empty in EMPTY.items() if document.get(key)}
    return {
        TAKES: taken,
        **({"processes": rows} if rows != list(document["processes"]) else {}),
        **({SCALED: orders} if orders != (document.get(SCALED) or {}) else {}),
        **cleared,
        **kept(facts),
    }


def rows_as_ordered(document: Json, facts: Mapping[str, HostFacts]) -> list[dict[str, Any]]:
    """The process table of an earlier generation: its own numbers, or those that `scale` ordered meanwhile. Nothing is stopped."""
    ordered = newest_live(facts).get(SCALED) or {}
    rows = []
    for process in document["processes"]:
        name = str(process["name"])
        own = file_instances(document, process)
        order = ordered.get(name)
        rows.append({**process, "instances": int(order["instances"]) if order and int(order["file"]) == own else own})
    return rows


def as_in_file(document: Json | None) -> Json | None:
    """A document without what people ordered of it: two that are the same then have the same content."""
    if document is None:
        return None
    rows = [{**process, "instances": file_instances(document, process)} for process in document["processes"]]
    return {**document, "processes": rows, SCALED: {}, STOPPED: {}, CLOSED: None}


def file_instances(document: Json, process: Mapping[str, Any]) -> int:
    """How many copies the shipway.toml of a generation asked for."""
    name = str(process["name"])
    if name in (document.get(SCALED) or {}):
        return int(document[SCALED][name]["file"])
    return wanted_instances(document, process)


def wanted_instances(document: Json, process: Mapping[str, Any]) -> int:
    """How many copies run, or will again when what is stopped is started."""
    stopped = (document.get(STOPPED) or {}).get(str(process["name"]))
    return int(stopped["instances"]) if stopped else int(process["instances"])

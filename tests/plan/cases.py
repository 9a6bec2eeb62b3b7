"""A folder of tests/plans in, what the planner says to it out: the text of the plan, or of the refusal.

A case is `intent.toml`, a whole shipway.toml; `facts.json`, which says the flow, its arguments, who is left out, who lends to whom, the
release and what each host says (only what differs from a fresh host); and `plan.txt`, what must come out. UPDATE=1 writes plan.txt anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shipway.config.resolve import resolve
from shipway.flows.without import leave_out
from shipway.model.errors import ShipwayError
from shipway.model.facts import HostFacts, Lack
from shipway.model.intent import Intent
from shipway.model.loan import Loan
from shipway.model.plan import Plan
from shipway.model.release import Entry, Release, Source
from shipway.plan.deploy import plan_deploy
from shipway.plan.difference import difference
from shipway.plan.facts import next_number, read_facts
from shipway.plan.leave import plan_leave
from shipway.plan.orders.maintenance import Maintenance, order_off, order_on
from shipway.plan.orders.order import Order
from shipway.plan.orders.restart import order_restart
from shipway.plan.orders.scale import order_scale
from shipway.plan.orders.stop import order_start, order_stop
from shipway.plan.prepare import plan_prepare
from shipway.plan.remove import plan_remove
from shipway.plan.rollback import plan_rollback
from shipway.plan.standing import scaled
from shipway.plan.successor import plan_successor
from shipway.reports.plan import plan_text
from tests.plan.fleet import CADDIES, KEY, WHO, fresh

CASES = Path(__file__).parent.parent / "plans"


def said(case: Path) -> str:
    """What the planner says to the case, as text."""
    told = json.loads((case / "facts.json").read_text())
    text = (case / "intent.toml").read_text()
    intent = leave_out(resolve(text, text, told.get("environment", "production")), told.get("without", ()))
    facts = {name: _facts(name, value) for name, value in told["hosts"].items()}
    release = _release(told["release"]) if "release" in told else None
    try:
        lent = {"loans": _loans(told["loans"], facts)} if "loans" in told else {}
        plan = _plan(told["flow"], {**told.get("arguments", {}), **lent}, intent, release, facts)
    except ShipwayError as error:
        return "\n".join(
            [f"exit {error.exit_code} ({error.code}): {error.message}", *error.details, error.state, f"next: {error.hint}", ""]
        )
    changes = None
    if release is not None:
        lead = intent.environment.hosts[0]
        before = [Entry(**entry) for entry in told["live_entries"]] if "live_entries" in told else None
        changes = difference(scaled(intent, facts), release, lead, facts[lead.name].live, before)
    return "\n".join([*plan_text(plan, changes, arguments=told.get("show_arguments", False)), ""])


def _plan(flow: str, arguments: Mapping[str, Any], intent: Intent, release: Release | None, facts: Mapping[str, HostFacts]) -> Plan:
    number = next_number(facts)
    if flow == "remove":
        return plan_remove(intent, facts, deployment=f"{number}-new", who=WHO, number=number, peer_key=KEY, **arguments)
    if flow == "host remove":
        return plan_leave(intent, facts=facts, deployment=f"{number}-new", who=WHO, number=number, peer_key=KEY, **arguments)
    if flow == "rollback":
        return plan_rollback(intent, facts, deployment=f"{number}-new", who=WHO, number=number, caddies=CADDIES, peer_key=KEY, **arguments)
    if flow in ORDERS:
        order = ORDERS[flow](intent, facts, arguments)
        return plan_successor(intent, order, facts, deployment=f"{number}-new", who=WHO, number=number, peer_key=KEY)
    assert release is not None
    make = {"deploy": plan_deploy, "prepare": plan_prepare}[flow]
    return make(intent, release, facts, deployment=f"{number}-new", who=WHO, number=number, caddies=CADDIES, peer_key=KEY, **arguments)


ORDERS: Mapping[str, Callable[[Intent, Mapping[str, HostFacts], Mapping[str, Any]], Order]] = {
    "restart": lambda intent, facts, told: order_restart(intent, facts, **told),
    "scale": lambda intent, facts, told: order_scale(intent, facts, **told),
    "stop": lambda intent, facts, told: order_stop(intent, facts, **told),
    "start": lambda intent, facts, told: order_start(intent, facts, **told),
    "maintenance on": lambda intent, facts, told: order_on(intent, facts, **{**told, "wanted": Maintenance(**told["wanted"])}),
    "maintenance off": lambda intent, facts, told: order_off(intent, facts),
}
"""What makes an order, by the words of its command."""


def _loans(told: Mapping[str, Mapping[str, Any]], facts: Mapping[str, HostFacts]) -> dict[str, Loan]:
    """Who borrows: {"lender", "number", "env"}. What is lent is what the lender says it has."""
    return {
        name: Loan(loan["lender"], loan["number"], facts[loan["lender"]].generations[loan["number"]], loan["env"])
        for name, loan in told.items()
    }


def _facts(name: str, value: Mapping[str, Any]) -> HostFacts:
    lack = value.get("lack")
    told = _over(fresh(name), {key: part for key, part in value.items() if key != "lack"})
    return read_facts(name, told, lack=None if lack is None else Lack(**lack))


def _over(base: Any, value: Any) -> Any:
    """`value` laid over `base`, objects key by key."""
    if isinstance(base, dict) and isinstance(value, dict):
        return {**base, **{key: _over(base.get(key), inner) for key, inner in value.items()}}
    return value


def _release(told: Mapping[str, Any]) -> Release:
    entries = tuple(Entry(**entry) for entry in told["entries"])
    source = Source(told["commit"], told["tree"], "HEAD", "a change", "Ann", "2026-11-28T12:00:00+00:00")
    return Release(told["digest"], told["version"], source, entries, size_bytes=sum(e.size for e in entries))

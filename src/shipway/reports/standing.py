"""What people ordered of a generation in, words for it out: what is stopped, scaled, under maintenance; since when, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shipway.model.facts import Json
from shipway.reports.clean import clean


def maintenance_words(order: Mapping[str, Any] | None) -> str:
    """How it stands with maintenance."""
    if not order:
        return "maintenance is off"
    if order.get("how") == "hold":
        return f"maintenance is on {_since(order)}: requests are held, each for at most {order['hold_seconds']} s"
    says = f", which says {clean(str(order['message']))!r}" if order.get("message") else ""
    return f"maintenance is on {_since(order)}: visitors get a page{says}"


def standing_words(document: Json) -> list[str]:
    """A sentence for each thing that is otherwise than shipway.toml says; none where nothing is."""
    said = []
    closed, stopped = document.get("closed"), dict(document.get("stopped") or {})
    if closed:
        said.append(f"stopped {_since(closed)}: visitors get a page with 503; shipway start brings back {_instances(stopped)}")
    else:
        said += [f"{clean(name)} is stopped {_since(order)}" for name, order in sorted(stopped.items())]
    if document.get("maintenance"):
        said.append(maintenance_words(document["maintenance"]))
    for name, order in sorted((document.get("scaled") or {}).items()):
        said.append(f"{clean(name)} is scaled to {order['instances']}; shipway.toml says {order['file']}")
    for row in document.get("held_back") or ():
        name = clean(str(row.get("version") or str(row["commit"])[:12]))
        said.append(f"{name} was reverted and is held back {_since(row)}: shipway release lets it be deployed again")
    return said


def standing_json(document: Json | None) -> dict[str, Any]:
    """The same for programs: null or empty where nothing is ordered."""
    document = document or {}
    return {
        "stopped": {str(name): dict(order) for name, order in (document.get("stopped") or {}).items()},
        "closed": document.get("closed") or None,
        "scaled": {str(name): dict(order) for name, order in (document.get("scaled") or {}).items()},
        "maintenance": document.get("maintenance") or None,
        "held_back": [dict(row) for row in document.get("held_back") or ()],
    }


def _instances(stopped: Mapping[str, Any]) -> str:
    return ", ".join(f"{clean(name)} × {order['instances']}" for name, order in sorted(stopped.items())) or "it"


def _since(order: Mapping[str, Any]) -> str:
    at = datetime.fromtimestamp(float(order.get("since", 0.0)), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"since {at} by {clean(str(order.get('who', 'somebody')))}"

"""An intent and the document of a deployment in; out, its Plan with nothing to do yet: of what, by whom, and how long hosts wait."""

from __future__ import annotations

from collections.abc import Iterable

from shipway.model.facts import Json
from shipway.model.intent import Intent
from shipway.model.plan import Plan


def outline(intent: Intent, document: Json, notes: Iterable[str] = ()) -> Plan:
    """All hosts of the environment are members, and the first by name leads. `document` is what deployment_document made."""
    environment = intent.environment
    members = tuple(sorted(host.name for host in environment.hosts))
    return Plan(
        kind=document["kind"],
        app=intent.app,
        environment=environment.name,
        release=document["release"],
        number=document["number"],
        lead=members[0],
        members=members,
        waves=(),
        document=document,
        lease_seconds=environment.lease_seconds,
        confirm_seconds=environment.confirm_seconds,
        watch_seconds=environment.watch_seconds,
        notes=tuple(notes),
    )

"""A host and its generation document in, its front door out: the step that makes the proxy take requests, and how it is asked."""

from __future__ import annotations

from typing import Any

from shipway.model.facts import HostFacts, Json, serves
from shipway.model.intent import Host, Intent
from shipway.model.plan import Step
from shipway.plan import steps
from shipway.plan.proxy.caddy import site

DEFAULT_LISTEN = ":8080"
"""Where a host's proxy takes requests when nothing says otherwise: a port that needs no root."""


def listen(host: Host, facts: HostFacts) -> str:
    """Where requests come in: the host's own `listen`, else where its proxy is already, else DEFAULT_LISTEN."""
    return host.listen or facts.proxy.listen or DEFAULT_LISTEN


def front_door(intent: Intent, host: Host, facts: HostFacts) -> dict[str, Any]:
    """What `prove` is told of the front door: where it listens, and the name to ask for ("" for any)."""
    return {"listen": listen(host, facts), "host": intent.environment.domains[0] if intent.environment.domains else ""}


def proxy_step(intent: Intent, host: Host, facts: HostFacts, document: Json, caddy_digest: str | None) -> Step:
    """The proxy runs, and has this application's routes. Raises WrongInput where it is not clear which process requests go to."""
    return steps.proxy_ensure(caddy_digest, listen(host, facts), site(intent, document))


def closing_step(intent: Intent, host: Host, facts: HostFacts, document: Json) -> Step | None:
    """Behind the decision: domains and addresses that the site no longer has are closed; None where it has all that it had."""
    live = facts.live
    if live is None or not serves(document):
        return None
    moved = facts.proxy.listen not in (None, listen(host, facts))
    if set(live.get("domains", ())) == set(intent.environment.domains) and not moved:
        return None
    return steps.proxy_close(listen(host, facts), site(intent, document))

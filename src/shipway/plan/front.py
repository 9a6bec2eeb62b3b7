"""A host and its generation document in, its front door out: the steps that make the proxy take requests, and how it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.facts import HostFacts, Json, serves
from shipway.model.intent import Host, Intent
from shipway.model.plan import Step
from shipway.plan import steps
from shipway.plan.proxy.caddy import site

DEFAULT_LISTEN = ":8080"
"""Where a host's proxy takes requests when nothing says otherwise: a port that needs no root."""

SECURE_LISTEN = ":443"
"""Where it does for domains with certificates."""

PLAIN_PORT = 80
"""Beside it: visitors are sent on, authorities and our own probes are answered."""

FIRST_SECONDS = 30.0
"""How long a deployment waits for certificates of names that are new. Let's Encrypt takes five."""

KNOWN_SECONDS = 2.0


def listen(intent: Intent, host: Host, facts: HostFacts) -> str:
    """Where requests come in: the host's own `listen`; else :443 for domains with certificates; else where its proxy takes those without
    already, else DEFAULT_LISTEN.
    """
    if host.listen is not None:
        return host.listen
    if intent.environment.domains and intent.environment.tls.issuer != "off":
        return SECURE_LISTEN
    already = facts.proxy.listen
    return already if already is not None and not already.endswith(SECURE_LISTEN) else DEFAULT_LISTEN


def secure(intent: Intent, listens: str) -> bool:
    """Whether what listens there has certificates."""
    environment = intent.environment
    return bool(environment.domains) and environment.tls.issuer != "off" and listens.endswith(SECURE_LISTEN)


def front_door(intent: Intent, host: Host, facts: HostFacts) -> dict[str, Any]:
    """What `prove` is told of the front door: where it listens, and the name to ask for ("" for any).

    Where it is secure a proof is asked beside it, at the plain door, where no certificate is needed; and visitors at `tls`.
    """
    at = listen(intent, host, facts)
    name = _name(intent)
    return {"listen": _plain(at), "host": name, "tls": at} if secure(intent, at) else {"listen": at, "host": name}


def proxy_step(intent: Intent, host: Host, facts: HostFacts, document: Json, caddy_digest: str | None) -> Step:
    """The proxy runs, and has this application's routes. Raises WrongInput where it is not clear which process requests go to."""
    at = listen(intent, host, facts)
    return steps.proxy_ensure(caddy_digest, at, _site(intent, document, at))


def closing_step(intent: Intent, host: Host, facts: HostFacts, document: Json) -> Step | None:
    """Behind the decision: domains and addresses that the site no longer has are closed; None where it has all that it had."""
    live = facts.live
    if live is None or not serves(document):
        return None
    at = listen(intent, host, facts)
    moved = facts.proxy.listen not in (None, at)
    if set(live.get("domains", ())) == set(intent.environment.domains) and not moved:
        return None
    return steps.proxy_close(at, _site(intent, document, at))


def certificates_step(intent: Intent, host: Host, facts: HostFacts, document: Json) -> Step | None:
    """Last of all: whether visitors see certificates; None where there are none to see. New names are waited for."""
    at = listen(intent, host, facts)
    if not secure(intent, at) or not serves(document):
        return None
    known = set((facts.live or {}).get("domains", ()))
    seconds = KNOWN_SECONDS if set(intent.environment.domains) <= known else FIRST_SECONDS
    return steps.certificates_see([name for name in intent.environment.domains if not name.startswith("*")], at, seconds)


def certificate_notes(intent: Intent, facts: Mapping[str, HostFacts]) -> list[str]:
    """What may be in the way of a certificate that a host asks for by itself."""
    asking = [host.name for host in intent.environment.hosts if secure(intent, listen(intent, host, facts[host.name]))]
    if intent.environment.tls.issuer != "acme" or len(asking) < 2:
        return []
    names = ", ".join(intent.environment.domains)
    return [
        f"each of {', '.join(asking)} asks for certificates of {names} by itself, and the authority must reach the very host that asks: "
        'where the names lead to all of them, have certificates in front of the hosts and set tls = "off"'
    ]


def _site(intent: Intent, document: Json, at: str) -> dict[str, Any]:
    return site(intent, document, plain=_plain(at) if secure(intent, at) else None)


def _plain(at: str) -> str:
    return f"{at.rpartition(':')[0]}:{PLAIN_PORT}"


def _name(intent: Intent) -> str:
    """The first domain that is a name, else one that the first wildcard covers."""
    names = [name for name in intent.environment.domains if not name.startswith("*")]
    return (names or [name.replace("*", "www", 1) for name in intent.environment.domains] or [""])[0]

"""What the domains of an environment and its hosts resolve to in, Findings out: whether visitors of a domain arrive at a host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shipway.model.finding import Finding

SHOWN = 4
"""Most addresses of one name that are shown."""


def domain_findings(domains: Mapping[str, tuple[str, ...]], hosts: Mapping[str, tuple[str, ...]], again: str) -> Iterator[Finding]:
    """Addresses by domain and by host, as this machine's resolver knows them; empty where it knows none."""
    known = {address for addresses in hosts.values() for address in addresses}
    where = f"the hosts ({_some(sorted(known))})" if known else "the hosts"
    for domain, addresses in domains.items():
        if not addresses:
            next = f"let an A or AAAA record of {domain} name {where}, or take it out of `domains`; then {again}"
            yield Finding("domain", "wrong", f"{domain} has no address", "", ("nobody can ask for it",), next)
        elif known and not known & set(addresses):
            next = f"right where a load balancer stands in front; else let {domain} name {where}"
            yield Finding("domain", "note", f"{domain} is {_some(addresses)}, which is none of the hosts", "", (), next)
        else:
            yield Finding("domain", "ok", f"{domain} is {_some(addresses)}")


def _some(addresses: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(addresses) - SHOWN} more" if len(addresses) > SHOWN else ""
    return ", ".join(addresses[:SHOWN]) + more

"""What the domains of an environment resolve to and show in, Findings out: whether visitors of a domain arrive, and trust what they see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shipway.model.finding import Certificate, Finding, Severity

SHOWN = 4
"""Most addresses of one name that are shown."""

NOTED_DAYS = 21.0
"""Caddy renews when a third of the time is left: 30 days of 90. One that has less was not renewed when it should have been."""

WRONG_DAYS = 7.0


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


def certificate_findings(certificates: Mapping[str, Certificate], environment: str) -> Iterator[Finding]:
    """What each domain shows to a visitor of this machine."""
    renew = "the proxy gets one by itself where ports 80 and 443 of the hosts are reached from outside and the domain names them"
    for domain, shown in certificates.items():
        if shown.days_left is None:
            next = f"{renew}; then shipway doctor {environment}"
            yield Finding("certificate", "wrong", f"a visitor of https://{domain} sees no certificate to trust", "", (shown.fault,), next)
        elif shown.days_left < NOTED_DAYS:
            severity: Severity = "wrong" if shown.days_left < WRONG_DAYS else "note"
            what = f"the certificate of {domain} ends in {shown.days_left:.0f} days and was not renewed"
            yield Finding("certificate", severity, what, "", (), f"{renew}; then shipway doctor {environment}")
        else:
            yield Finding("certificate", "ok", f"the certificate of {domain} is good for {shown.days_left:.0f} days")


def _some(addresses: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(addresses) - SHOWN} more" if len(addresses) > SHOWN else ""
    return ", ".join(addresses[:SHOWN]) + more

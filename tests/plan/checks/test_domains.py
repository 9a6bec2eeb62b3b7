"""Whether visitors of a domain arrive at a host, as far as names tell, and for how long they will trust what they see there."""

from __future__ import annotations

import pytest

from shipway.model.finding import Certificate
from shipway.plan.checks.domains import certificate_findings, domain_findings

HOSTS = {"a": ("10.0.0.1",), "b": ("10.0.0.2", "fd00::2")}


@pytest.mark.parametrize(
    ("addresses", "hosts", "severity", "says"),
    [
        (("10.0.0.2",), HOSTS, "ok", "shop.example.org is 10.0.0.2"),
        ((), HOSTS, "wrong", "shop.example.org has no address"),
        (("192.0.2.7",), HOSTS, "note", "is 192.0.2.7, which is none of the hosts"),
        (("192.0.2.7",), {"a": ()}, "ok", "is 192.0.2.7"),
        (tuple(f"192.0.2.{i}" for i in range(6)), HOSTS, "note", "192.0.2.3 and 2 more"),
    ],
)
def test_a_domain(addresses: tuple[str, ...], hosts: dict[str, tuple[str, ...]], severity: str, says: str) -> None:
    (one,) = domain_findings({"shop.example.org": addresses}, hosts, "shipway doctor production")
    assert one.severity == severity and says in one.what
    assert bool(one.next) == (severity != "ok")


@pytest.mark.parametrize(
    ("shown", "severity", "says"),
    [
        (Certificate(60.2), "ok", "is good for 60 days"),
        (Certificate(20.0), "note", "ends in 20 days and was not renewed"),
        (Certificate(2.0), "wrong", "ends in 2 days"),
        (Certificate(fault="self-signed certificate"), "wrong", "no certificate to trust"),
    ],
)
def test_a_certificate(shown: Certificate, severity: str, says: str) -> None:
    (one,) = certificate_findings({"shop.example.org": shown}, "production")
    assert one.severity == severity and says in one.what
    assert one.why == ((shown.fault,) if shown.fault else ()) and bool(one.next) == (severity != "ok")

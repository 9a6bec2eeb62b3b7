"""What a host is called to the resolver; this machine's own names are asked, and no DNS server."""

from __future__ import annotations

import asyncio

import pytest

from shipway.flows.domains import resolved
from shipway.model.intent import Environment, Host


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "deploy@127.0.0.1", "deploy@127.0.0.1:2222", "ssh://deploy@127.0.0.1:2222", "[::1]:22", "deploy@[::1]", "::1"]
)
def test_a_host_is_known_by_its_address_however_it_is_written(address: str) -> None:
    domains, hosts = asyncio.run(resolved(Environment("production", (Host("a", address),), domains=("127.0.0.1",))))
    assert domains == {"127.0.0.1": ("127.0.0.1",)}
    assert hosts == {"a": ("::1",) if "::1" in address else ("127.0.0.1",)}


def test_nothing_is_asked_for_roots_on_this_machine_or_without_a_domain() -> None:
    assert asyncio.run(resolved(Environment("local", (Host("a", "local"),), domains=("shop.example.org",)))) == ({}, {})
    assert asyncio.run(resolved(Environment("production", (Host("a", "deploy@127.0.0.1"),)))) == ({}, {})

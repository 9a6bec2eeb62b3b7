"""Hosts feed hosts: machines of their own, an sshd each, and a firewall between two of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from shipway.execute import feed as feeding
from shipway.execute.feed import Fed, feed
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.model.intent import Host
from shipway.transports import transports
from shipway.transports.bundle import bundle
from shipway.transports.ssh import SshTransport
from tests.execute.test_feed import KEYS_BYTES, PARCEL_BYTES, PARCELS, Made, content
from tests.hosts.fleet import Hosts
from tests.transports.patient import be_patient

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

TOTAL = PARCELS * PARCEL_BYTES


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with Hosts(4) as hosts:
        yield hosts


def run(hosts: Hosts, seed: int) -> tuple[dict[str, Fed], int]:
    """What each host was fed, and the bytes that left the operator on all channels."""
    parcels = content(seed)

    async def go() -> tuple[dict[str, Fed], int]:
        fleet = Fleet(
            # Known under a name that only the operator's ssh_config has: they find each other where their sshd took the login.
            [Host(name, f"deploy@{name}") for name in hosts.names],
            app="shop",
            environment="live",
            transport_for=lambda host: SshTransport(),
        )
        async with fleet:
            assert (await fleet.connect()).ok
            before = sum(fleet.bytes_sent(name) for name in hosts.names)
            outcomes = await feed(fleet, {name: set() for name in hosts.names}, Made(parcels), Tell(lambda event: None, lambda: 0.0))
            sent = sum(fleet.bytes_sent(name) for name in hosts.names) - before
            assert outcomes.ok
            for name in hosts.names:
                here = hosts.run(name, ["ls", ".shipway/apps/shop-live/parcels"]).stdout.decode().split()
                assert set(parcels) <= set(here), name
                listening = hosts.run(name, ["ss", "-Hltn"]).stdout.decode().splitlines()
                assert all(line.split()[3].endswith(":22") for line in listening), listening
            return outcomes.answers, sent

    return asyncio.run(go())


def test_what_leaves_the_operator_is_one_copy(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "RESCUE_SECONDS", 300.0)
    for name, value in hosts.env.items():
        monkeypatch.setenv(name, value)
    fed, sent = run(hosts, 1)
    assert sum(one.operator for one in fed.values()) == TOTAL
    assert sent <= TOTAL + 4 * KEYS_BYTES
    assert all(one.whole and one.operator + sum(one.peers.values()) >= TOTAL for one in fed.values())


def test_a_host_behind_a_firewall_is_fed_by_the_operator(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its packets vanish without a word, in both directions; the others pass on to each other all the same."""
    for name, value in hosts.env.items():
        monkeypatch.setenv(name, value)
    hosts.cut("d", "a", "b", "c")
    try:
        fed, _ = run(hosts, 2)
    finally:
        for name in hosts.names:
            hosts.heal(name)
    assert fed["d"].operator >= TOTAL
    assert fed["d"].peers == {}
    assert all(one.whole for one in fed.values())
    assert all("d" not in one.peers and sum(one.peers.values()) > 0 for name, one in fed.items() if name != "d")


@pytest.mark.parametrize("cut", ["", "d"])
def test_bare_hosts_pass_the_agent_on_and_one_behind_a_firewall_gets_it_from_here(
    hosts: Hosts, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in hosts.env.items():
        monkeypatch.setenv(name, value)
    size = len(bundle().packed("bz2"))
    if not cut:
        be_patient(monkeypatch)

    async def go() -> dict[str, int]:
        machines = [Host(name, f"deploy@{name}") for name in hosts.names]
        async with Fleet(machines, app="shop", environment=f"bare{cut}", transport_for=transports(4)) as fleet:
            assert (await fleet.connect()).ok
            return {name: fleet.bytes_sent(name) for name in hosts.names}

    if cut:
        hosts.cut(cut, *(name for name in hosts.names if name != cut))
    try:
        sent = asyncio.run(go())
    finally:
        for name in hosts.names:
            hosts.heal(name)
    if cut:
        assert sent[cut] > size
    else:
        assert size < sum(sent.values()) < 1.5 * size

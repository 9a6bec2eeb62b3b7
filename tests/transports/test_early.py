"""Logins that are begun before anybody can use them: taken over once, ended where nobody takes them, and never a proof."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway.model.intent import Host
from shipway.transports import early, transport_for
from shipway.transports.bounds import LOGINS_AT_ONCE
from shipway.transports.ssh_command import WARM_VARIABLE
from tests.transports.sshd import Sshd
from tests.transports.test_ssh import SHOP, hello, refusal, root_of
from tests.transports.test_undelayed import take_the_place_of_ssh


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    early.end()


def logins(server: Sshd) -> int:
    return (server.folder / "sshd.log").read_text().count("Accepted publickey")


def pids() -> list[int]:
    return [login.child.process.pid for login in early._begun.values()]


def wait_for_logins(server: Sshd, count: int) -> None:
    until = time.monotonic() + 20
    while logins(server) < count:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_who_opens_a_channel_takes_over_the_login_that_is_under_way(server: Sshd) -> None:
    early.begin([SHOP], 20.0)
    assert hello(SHOP)["host"] == "a"
    assert logins(server) == 1
    assert early.take(SHOP) is None
    assert hello(SHOP)["host"] == "a"
    assert logins(server) == 2


def test_it_is_that_of_exactly_this_host(server: Sshd) -> None:
    early.begin([SHOP], 20.0)
    hello(Host("a", "shop", root="~/elsewhere"))
    hello(Host("b", "shop"))
    assert logins(server) == 3
    left = early.take(SHOP)
    assert left is not None
    left.child.end()


def test_the_login_that_proves_a_host_is_a_new_one(server: Sshd) -> None:
    hello(SHOP)
    early.begin([SHOP], 20.0)
    wait_for_logins(server, 2)

    async def prove() -> None:
        await (await transport_for(SHOP).log_in(SHOP, app="shop", environment="production"))

    asyncio.run(prove())
    assert logins(server) == 3


def test_one_that_nobody_takes_is_ended_and_has_made_nothing_there(server: Sshd) -> None:
    early.begin([SHOP], 20.0)
    wait_for_logins(server, 1)
    (pid,) = pids()
    early.end()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not root_of(server).exists() and not (server.home / ".shipway").exists()


def test_what_is_wrong_with_it_is_said_where_the_host_is_opened(server: Sshd) -> None:
    server.trust((server.folder / "other_key.pub").read_text().rsplit(" ", 1)[0])
    early.begin([SHOP], 20.0)
    assert refusal(SHOP).code == "host-key-changed"
    server.trust(None)
    early.begin([SHOP], 20.0)
    error = refusal(SHOP)
    assert error.code == "host-key-unknown" and server.fingerprint() in str(error.facts["offered"])
    early.begin([Host("x", "no address at all")], 20.0)
    assert pids() == []


def test_none_is_begun_without_a_client_or_where_connections_stay_open(
    server: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    early.begin([Host("here", "local", root=str(tmp_path))], 20.0)
    monkeypatch.setenv(WARM_VARIABLE, "10")
    early.begin([SHOP], 20.0)
    monkeypatch.delenv(WARM_VARIABLE)
    monkeypatch.setenv("PATH", str(tmp_path))
    early.begin([SHOP], 20.0)
    assert pids() == []


def test_no_more_of_them_than_a_fleet_has_under_way(server: Sshd) -> None:
    names = [f"h{number:02}" for number in range(LOGINS_AT_ONCE + 5)]
    early.begin([Host(name, "shop") for name in reversed(names)], 20.0)
    assert [host.name for host in early._begun] == names[:LOGINS_AT_ONCE], "those that a fleet opens first"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lends what a child has open")
def test_its_connection_waits_for_nothing_though_no_event_loop_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        take_the_place_of_ssh(tmp_path, server, monkeypatch)
        early.begin([SHOP], 20.0)
        server.settimeout(20)
        connection, _ = server.accept()
        with connection:
            until = time.monotonic() + 20
            while not (tmp_path / "told").exists():
                assert time.monotonic() < until
                time.sleep(0.02)

"""Logins that are begun before anybody can use them: taken over once, ended where nobody takes them, and never a proof."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from shipway.model.intent import Host
from shipway.transports import early, transport_for
from shipway.transports.bounds import LOGINS_AT_ONCE
from shipway.transports.greeting import DEFAULT_PROXY, greeting
from shipway.transports.greeting import root_of as root_named
from shipway.transports.known import agent_hash
from shipway.transports.ssh_command import WARM_VARIABLE
from shipway_agent.protocol import START
from tests.transports.sshd import Sshd
from tests.transports.test_ssh import SHOP, hello, refusal, root_of
from tests.transports.test_undelayed import take_the_place_of_ssh


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    early.end()


def begin(hosts: Iterable[Host]) -> None:
    early.begin(hosts, "shop", "production", 20.0)


def said_to(host: Host) -> bytes:
    return greeting(host, root_named(host, "shop", "production"), DEFAULT_PROXY)


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
    begin([SHOP])
    assert hello(SHOP)["host"] == "a"
    assert logins(server) == 1
    assert early.take(SHOP, said_to(SHOP)) is None
    assert hello(SHOP)["host"] == "a"
    assert logins(server) == 2


def test_its_agent_is_started_while_nobody_has_an_event_loop_and_is_asked_by_who_takes_it_over(server: Sshd) -> None:
    hello(SHOP)
    begin([SHOP])
    (login,) = early._begun.values()
    heard = b""
    while not heard.endswith(START + agent_hash().encode() + b"\n"):
        heard += login.child.stream.recv(4096)
    left = early.take(SHOP, said_to(SHOP))
    assert left is not None
    left.child.end()


def test_what_was_said_to_one_is_not_said_again_when_others_are_begun(server: Sshd) -> None:
    hello(SHOP)
    begin([SHOP])
    begin([SHOP, Host("b", "shop")])
    assert hello(SHOP)["host"] == "a" and hello(Host("b", "shop"))["host"] == "b"
    assert logins(server) == 3


def test_where_another_root_was_meant_it_is_ended_and_the_host_logged_in_to_anew(server: Sshd) -> None:
    hello(SHOP)
    early.begin([SHOP], "other", "production", 20.0)
    (pid,) = pids()
    assert hello(SHOP)["host"] == "a"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not (server.home / ".shipway/apps/other-production").exists(), "what was said to it made nothing"


def test_it_is_that_of_exactly_this_host(server: Sshd) -> None:
    begin([SHOP])
    hello(Host("a", "shop", root="~/elsewhere"))
    hello(Host("b", "shop"))
    assert logins(server) == 3
    left = early.take(SHOP, said_to(SHOP))
    assert left is not None
    left.child.end()


def test_the_login_that_proves_a_host_is_a_new_one(server: Sshd) -> None:
    hello(SHOP)
    begin([SHOP])
    wait_for_logins(server, 2)

    async def prove() -> None:
        await (await transport_for(SHOP).log_in(SHOP, app="shop", environment="production"))

    asyncio.run(prove())
    assert logins(server) == 3


def test_one_that_nobody_takes_is_ended_and_has_made_nothing_there(server: Sshd) -> None:
    begin([SHOP])
    wait_for_logins(server, 1)
    (pid,) = pids()
    early.end()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not root_of(server).exists() and not (server.home / ".shipway").exists()


def test_what_is_wrong_with_it_is_said_where_the_host_is_opened(server: Sshd) -> None:
    server.trust((server.folder / "other_key.pub").read_text().rsplit(" ", 1)[0])
    begin([SHOP])
    assert refusal(SHOP).code == "host-key-changed"
    server.trust(None)
    begin([SHOP])
    error = refusal(SHOP)
    assert error.code == "host-key-unknown" and server.fingerprint() in str(error.facts["offered"])
    begin([Host("x", "no address at all")])
    assert pids() == []


def test_none_is_begun_without_a_client_or_where_connections_stay_open(
    server: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begin([Host("here", "local", root=str(tmp_path))])
    monkeypatch.setenv(WARM_VARIABLE, "10")
    begin([SHOP])
    monkeypatch.delenv(WARM_VARIABLE)
    monkeypatch.setenv("PATH", str(tmp_path))
    begin([SHOP])
    assert pids() == []


def test_no_more_of_them_than_a_fleet_has_under_way(server: Sshd) -> None:
    names = [f"h{number:02}" for number in range(LOGINS_AT_ONCE + 5)]
    begin([Host(name, "shop") for name in reversed(names)])
    assert [host.name for host in early._begun] == names[:LOGINS_AT_ONCE], "those that a fleet opens first"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lends what a child has open")
def test_its_connection_waits_for_nothing_though_no_event_loop_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        take_the_place_of_ssh(tmp_path, server, monkeypatch)
        begin([SHOP])
        server.settimeout(20)
        connection, _ = server.accept()
        with connection:
            until = time.monotonic() + 20
            while not (tmp_path / "told").exists():
                assert time.monotonic() < until
                time.sleep(0.02)

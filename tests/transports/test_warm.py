"""Connections that stay open for the next command: asked for, used, never trusted blindly, and ended."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.transports import transport_for, warm
from tests.transports.agents import is_gone
from tests.transports.sshd import Sshd

SHOP = Host("a", "shop")


@pytest.fixture
def folder(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the sockets lie; connections stay open for ten minutes unless the test says otherwise."""
    runtime = Path(tempfile.mkdtemp(prefix="warm-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("SHIPWAY_WARM_SECONDS", "600")
    try:
        yield runtime / "shipway"
    finally:
        warm.end_all.cache_clear()
        warm.end_all()
        warm.end_all.cache_clear()
        shutil.rmtree(runtime)


def ask(host: Host = SHOP) -> bool:
    """One command that asks the host something. Whether it logged in anew."""

    async def run() -> bool:
        channel = await transport_for(host).open(host, app="shop", environment="production", timeout_seconds=30.0)
        try:
            assert (await channel.call("fresh"))["host"] == host.name
            return channel.took_login
        finally:
            await channel.close()

    return asyncio.run(run())


def prove(host: Host = SHOP) -> None:
    """The login that proves that the host lets people in."""

    async def run() -> None:
        await (await transport_for(host).log_in(host, app="shop", environment="production", timeout_seconds=30.0))

    asyncio.run(run())


def keeper(folder: Path) -> int:
    """The process that keeps the one open connection."""
    (path,) = folder.iterdir()
    argv = ["ssh", "-F", "none", "-o", f"ControlPath={path}", "-O", "check", "--", "x"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    found = re.search(r"pid=([0-9]+)", said.stderr)
    assert found is not None, said.stderr
    return int(found[1])


def logins(server: Sshd) -> int:
    return (server.folder / "sshd.log").read_text().count("Accepted publickey")


def test_one_login_serves_the_commands_that_follow_and_the_proof_is_a_new_one(server: Sshd, folder: Path) -> None:
    assert ask() is True
    assert (ask(), ask()) == (False, False)
    assert logins(server) == 1
    assert folder.stat().st_mode & 0o777 == 0o700
    prove()
    assert logins(server) == 2
    assert len(list(folder.iterdir())) == 1


def test_who_does_not_ask_for_it_leaves_nothing_open(server: Sshd, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHIPWAY_WARM_SECONDS")
    assert (ask(), ask()) == (True, True)
    assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hanging"])
def test_one_that_is_kept_by_nobody_or_hangs_is_left_for_a_new_login(server: Sshd, folder: Path, number: signal.Signals) -> None:
    ask()
    old = keeper(folder)
    os.kill(old, number)
    try:
        assert number == signal.SIGSTOP or is_gone(old)
        assert ask() is True
        assert ask() is False
        assert keeper(folder) != old
        assert logins(server) == 2
    finally:
        if number == signal.SIGSTOP:
            os.kill(old, signal.SIGKILL)


def test_it_hides_a_dead_sshd_and_the_proof_does_not(server: Sshd, folder: Path) -> None:
    ask()
    server.process.kill()
    server.process.wait(30)
    assert ask() is False
    with pytest.raises(Unreachable) as caught:
        prove()
    assert caught.value.code == "unreachable"
    os.kill(keeper(folder), signal.SIGKILL)
    with pytest.raises(Unreachable) as caught:
        ask()
    assert (caught.value.code, "Connection refused" in caught.value.message) == ("unreachable", True)


def test_another_host_key_is_refused_as_ever_once_it_is_closed_and_by_the_proof_before(server: Sshd, folder: Path) -> None:
    ask()
    server.trust(" ".join((server.folder / "other_key.pub").read_text().split()[:2]))
    with pytest.raises(Unreachable) as caught:
        prove()
    assert caught.value.code == "host-key-changed"
    os.kill(keeper(folder), signal.SIGKILL)
    with pytest.raises(Unreachable) as caught:
        ask()
    assert caught.value.code == "host-key-changed"
    assert server.fingerprint() in caught.value.message


def test_another_configuration_of_ssh_is_another_login(server: Sshd, folder: Path) -> None:
    ask()
    server.config.write_text(server.config.read_text() + "# edited\n")
    assert ask() is True
    assert len(list(folder.iterdir())) == 2


def test_0_ends_what_was_left_open(server: Sshd, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask()
    kept = keeper(folder)
    monkeypatch.setenv("SHIPWAY_WARM_SECONDS", "0")
    assert ask() is True
    assert is_gone(kept)
    assert list(folder.iterdir()) == []


def test_one_closes_by_itself_when_nobody_uses_it(server: Sshd, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIPWAY_WARM_SECONDS", "1")
    ask()
    until = time.monotonic() + 30
    while list(folder.iterdir()):
        assert time.monotonic() < until, "it stays open"
        time.sleep(0.05)


def test_where_others_may_reach_it_nothing_is_left_open(server: Sshd, folder: Path) -> None:
    folder.mkdir(mode=0o750)
    assert (ask(), ask()) == (True, True)
    assert list(folder.iterdir()) == []


def test_what_are_no_seconds_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("soon", "-1", "1.5", "86401"):
        monkeypatch.setenv("SHIPWAY_WARM_SECONDS", text)
        with pytest.raises(Unreachable) as caught:
            ask()
        assert caught.value.code == "ssh-config"
        assert repr(text) in caught.value.message

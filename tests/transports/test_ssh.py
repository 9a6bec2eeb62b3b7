"""A host that ssh understands: what works as it does by hand, and what each failure says."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.model.errors import LinkLost, Overdue, Unreachable
from shipway.model.intent import Host
from shipway.transports import transport_for
from shipway.transports.base import Channel
from shipway.transports.bundle import bundle
from shipway.transports.ssh_command import ssh_command, ssh_destination
from tests.transports import agents, sshd
from tests.transports.sshd import Sshd

T = TypeVar("T")
SHOP = Host("a", "shop")


def over(host: Host, talk: Callable[[Channel], Awaitable[T]], timeout_seconds: float = 30.0) -> T:
    """What `talk` returns over a channel to the host."""

    async def run() -> T:
        channel = await transport_for(host).open(host, app="shop", environment="production", timeout_seconds=timeout_seconds)
        try:
            return await talk(channel)
        finally:
            await channel.close()

    return asyncio.run(run())


def hello(host: Host) -> dict[str, Any]:
    return over(host, lambda channel: channel.call("hello"))


def refusal(host: Host, timeout_seconds: float = 30.0) -> Unreachable:
    """Why no channel opens."""
    with pytest.raises(Unreachable) as caught:
        over(host, lambda channel: channel.call("fresh"), timeout_seconds)
    assert caught.value.host == host.name
    return caught.value


def root_of(server: Sshd) -> Path:
    return server.home / ".shipway/apps/shop-production"


# ------------------------------------------------------------------ what works


def test_a_login_brings_the_agent_and_it_answers_for_its_host(server: Sshd) -> None:
    answer = hello(SHOP)
    assert answer["host"] == "a"
    assert answer["agent"] == bundle().hash
    assert answer["root"] == str(root_of(server))
    agent = root_of(server) / "agent" / f"{bundle().hash}.pyz"
    assert agent.read_bytes() == bundle().data
    assert agent.parent.stat().st_mode & 0o777 == 0o700


def test_the_agent_travels_once(server: Sshd) -> None:
    async def sent(channel: Channel) -> int:
        return channel.bytes_sent

    assert over(SHOP, sent) > len(bundle().packed("bz2"))
    assert over(SHOP, sent) < 20_000


def test_a_user_a_port_and_a_root_can_be_in_the_configuration_of_the_host(server: Sshd) -> None:
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    answer = hello(Host("b", f"{user}@127.0.0.1:{server.port}", root="~/elsewhere"))
    assert answer["root"] == str(server.home / "elsewhere")


def test_a_jump_host_of_ssh_config_works(server: Sshd) -> None:
    assert hello(Host("a", "inner"))["host"] == "a"


def test_what_a_login_prints_before_the_agent_speaks_is_skipped(server: Sshd) -> None:
    (server.home / ".bashrc").write_text('echo "Welcome to shop!"; printf "last line without end"; echo "to stderr" >&2\n')
    assert hello(SHOP)["host"] == "a"


def test_more_noise_than_64_kib_is_refused(server: Sshd) -> None:
    (server.home / ".bashrc").write_text("head -c 200000 /dev/zero | tr '\\0' x\n")
    error = refusal(SHOP)
    assert error.code == "noise"
    assert "start-up files" in error.message


def test_a_hundred_calls_in_flight(server: Sshd) -> None:
    async def talk(channel: Channel) -> list[dict[str, Any]]:
        return await asyncio.gather(*(channel.call("fresh") for _ in range(100)))

    assert {answer["host"] for answer in over(SHOP, talk)} == {"a"}


def test_a_changed_agent_file_is_replaced_before_it_runs(server: Sshd) -> None:
    hello(SHOP)
    agent = root_of(server) / "agent" / f"{bundle().hash}.pyz"
    proof = server.home / "evil-ran"
    agent.chmod(0o600)
    agent.write_text(f"open({str(proof)!r}, 'w')\n")
    assert hello(SHOP)["agent"] == bundle().hash
    assert agent.read_bytes() == bundle().data
    assert not proof.exists()


def test_the_end_of_the_channel_ends_the_agent(server: Sshd) -> None:
    async def talk(channel: Channel) -> int:
        await channel.call("fresh")
        return agents.serving(root_of(server))

    assert agents.is_gone(over(SHOP, talk))


# -------------------------------------------------------------- what is refused


def test_an_unknown_host_key_is_never_trusted_and_its_fingerprint_is_told(server: Sshd) -> None:
    server.trust(None)
    error = refusal(SHOP)
    assert error.code == "host-key-unknown"
    assert server.fingerprint() in error.message
    assert "ssh shop" in error.message
    assert server.known_hosts.read_text() == ""


def test_a_changed_host_key_is_refused_with_both_fingerprints(server: Sshd) -> None:
    server.trust(" ".join((server.folder / "other_key.pub").read_text().split()[:2]))
    error = refusal(SHOP)
    assert error.code == "host-key-changed"
    assert server.fingerprint("host_key") in error.message
    assert server.fingerprint("other_key") in error.message
    assert f"{server.known_hosts}:1" in error.message
    assert not root_of(server).exists()


def test_a_revoked_host_key_is_refused(server: Sshd) -> None:
    server.known_hosts.write_text(f"@revoked * {server.host_key}\n")
    assert refusal(SHOP).code == "host-key-revoked"


def test_a_host_that_does_not_take_our_key_is_a_login_error(server: Sshd) -> None:
    (server.folder / "authorized_keys").write_text("")
    error = refusal(SHOP)
    assert error.code == "login"
    assert "publickey" in error.message
    assert "ssh-copy-id shop" in error.message


def test_a_closed_port_is_unreachable(server: Sshd) -> None:
    free = Host("a", f"127.0.0.1:{sshd._free_port()}")
    error = refusal(free)
    assert error.code == "unreachable"
    assert "Connection refused" in error.message


def test_a_name_that_does_not_resolve_is_unreachable(server: Sshd) -> None:
    error = refusal(Host("a", "no-such-host.invalid"))
    assert error.code == "unreachable"
    assert "no-such-host.invalid" in error.message


@pytest.mark.alone
def test_a_host_that_accepts_and_never_speaks_ends_at_the_bound(server: Sshd) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert refusal(SHOP, timeout_seconds=2.0).code == "unreachable"
        assert time.monotonic() - began < 6
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


def test_a_host_without_python3_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sshd"
    folder.mkdir()
    with sshd.running(folder, environment={"PATH": "/nonexistent"}) as server:
        monkeypatch.setenv("SHIPWAY_SSH_CONFIG", str(server.config))
        error = refusal(SHOP)
    assert error.code == "no-python"
    assert "Install python3" in error.message


def test_a_root_that_cannot_be_written_says_which(server: Sshd) -> None:
    (server.home / "file").write_text("")
    error = refusal(Host("a", "shop", root="~/file/root"))
    assert error.code == "root"
    assert str(server.home / "file") in error.message


def test_a_root_of_another_user_is_refused(server: Sshd) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    taken = server.home / "taken"
    taken.mkdir()
    os.chown(taken, 54321, 54321)
    error = refusal(Host("a", "shop", root="~/taken"))
    assert error.code == "root"
    assert "belongs to user 54321" in error.message


def test_a_login_shell_that_ends_by_itself_is_a_login_error(server: Sshd) -> None:
    (server.home / ".bashrc").write_text("echo This account is not for you; exit 3\n")
    error = refusal(SHOP)
    assert error.code == "login"
    assert "This account is not for you" in error.message


def test_a_mistake_in_ssh_config_is_told_as_one(server: Sshd) -> None:
    server.config.write_text("NoSuchOption yes\n" + server.config.read_text())
    error = refusal(SHOP)
    assert error.code == "ssh-config"
    assert "ssh_config" in error.message


# ------------------------------------------------------------------ what breaks


def test_an_agent_killed_in_the_middle_of_a_call_is_a_lost_link_and_the_next_channel_works(server: Sshd) -> None:
    async def talk(channel: Channel) -> None:
        await channel.call("fresh")
        pid = agents.serving(root_of(server))
        os.kill(pid, signal.SIGSTOP)
        call = asyncio.ensure_future(channel.call("look"))
        await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(LinkLost):
            await call

    over(SHOP, talk)
    assert hello(SHOP)["host"] == "a"


@pytest.mark.alone
def test_a_hanging_agent_ends_a_call_within_its_bound(server: Sshd) -> None:
    async def talk(channel: Channel) -> float:
        await channel.call("fresh")
        pid = agents.serving(root_of(server))
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(Overdue):
                await channel.call("look", timeout_seconds=0.5)
            return time.monotonic() - began
        finally:
            os.kill(pid, signal.SIGCONT)

    assert over(SHOP, talk) < 1.5


def test_the_end_of_sshd_s_session_is_a_lost_link(server: Sshd) -> None:
    async def talk(channel: Channel) -> None:
        await channel.call("fresh")
        parent = int(Path(f"/proc/{agents.serving(root_of(server))}/stat").read_text().rsplit(")", 1)[1].split()[1])
        os.kill(parent, signal.SIGKILL)
        with pytest.raises(LinkLost):
            await channel.call("look")

    over(SHOP, talk)


# --------------------------------------------------------------------- pure part


@pytest.mark.parametrize(
    ("address", "destination"),
    [
        ("shop", "shop"),
        ("deploy@10.0.0.1", "deploy@10.0.0.1"),
        ("deploy@10.0.0.1:2222", "ssh://deploy@10.0.0.1:2222"),
        ("ssh://deploy@shop.example:2222/", "ssh://deploy@shop.example:2222"),
        ("fe80::1", "fe80::1"),
        ("deploy@[fe80::1%eth0]", "deploy@fe80::1%eth0"),
        ("deploy@[::1]:22", "ssh://deploy@[::1]:22"),
    ],
)
def test_addresses_become_what_ssh_takes(address: str, destination: str) -> None:
    assert ssh_destination(Host("a", address)) == destination


@pytest.mark.parametrize(
    "address",
    [
        "-oProxyCommand=touch x",
        "",
        "a b",
        "a;id",
        "$(id)",
        "`id`",
        "a\n",
        "%h",
        "-l@host",
        "a@-oX",
        "ssh://-oProxyCommand=x",
        "host/../x",
        "ho\u0455t",
    ],
)
def test_what_is_no_address_is_refused_before_ssh_sees_it(address: str) -> None:
    with pytest.raises(Unreachable) as caught:
        ssh_command(Host("a", address), 20.0)
    assert caught.value.code == "address"


@given(st.text(max_size=30))
def test_no_text_becomes_an_option_of_ssh(address: str) -> None:
    try:
        command = ssh_command(Host("a", address), 20.0)
    except Unreachable:
        return
    assert command[-2] == "--"
    assert not command[-1].startswith("-")
    assert not set(command[-1]) & set(" \t\r\n;|&$`'\"\\<>(){}*?!#~")


def test_the_user_is_never_asked_and_no_key_is_trusted_unseen() -> None:
    command = " ".join(ssh_command(SHOP, 20.0))
    for option in ("BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=15", "ControlMaster=no", "ControlPath=none"):
        assert f"-o {option}" in command

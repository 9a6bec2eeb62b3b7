"""Machines made ready, and one more host taken in: on hosts that systemd booted, where root logs in with a key as on a new server.

What a bare Debian needs is in test_first_deployment.py.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.page import DOCS, Shell
from tests.hosts import Hosts, systemd
from tests.stories.project import eventually
from tests.stories.shop import QUICK
from tests.stories.test_first_deployment import shell_environment
from tests.stories.test_ssh import Fleet

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(300)]

SYSCTL = "/etc/sysctl.d/60-shipway.conf"
HOLDS = """
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("0.0.0.0", 8080)); s.listen()
print("holds", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    reason = systemd.why_not()
    if reason:
        pytest.skip(reason)
    with Hosts(2, systemd=True) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def fleet(common_place: Path, hosts: Hosts) -> Fleet:
    """An environment with the first host alone; the second one is there, and nobody knows it."""
    fleet = Fleet(common_place, hosts, QUICK)
    file = fleet.project.directory / "shipway.toml"
    lines = [line for line in file.read_text().splitlines(keepends=True) if f"@{hosts.address('b')}" not in line]
    fleet.project.repository.write("shipway.toml", "".join(lines).replace("\n]", "\n  # b comes soon\n]"))
    fleet.project.repository.commit("One host", "one")
    return fleet


def things(fleet: Fleet, *words: str, code: int = 0) -> dict[str, str]:
    said = fleet.project.run("setup", "live", *words, "--json", code=code)
    return {one["thing"]: one["state"] for one in said.verdict["data"]["hosts"]["a"]}


def test_it_says_what_it_would_make_makes_it_and_finds_it(fleet: Fleet) -> None:
    asked = things(fleet, "--dry-run")
    assert (asked["user"], asked["keys"], asked["ports"], asked["boot"]) == ("there", "there", "wanted", "there")
    assert fleet.hosts.run("a", ["test", "-e", SYSCTL], check=False).returncode == 1, "only asked"
    made = things(fleet)
    assert (made["ports"], made["login"]) == ("made", "there")
    assert "listen" not in made, "its proxy may listen at 80 now"
    assert set(things(fleet).values()) == {"there"}


def test_a_file_that_somebody_edited_is_named_and_left_as_it_is(fleet: Fleet) -> None:
    things(fleet)
    edited = b"# ours now\nnet.ipv4.ip_unprivileged_port_start = 1000\n"
    fleet.hosts.run("a", ["tee", SYSCTL], input=edited, user="root")
    said = fleet.project.run("setup", "live", code=1)
    assert f"{SYSCTL} was edited" in said.out and "1 thing is left to you" in said.out
    assert fleet.hosts.run("a", ["cat", SYSCTL]).stdout == edited
    fleet.hosts.run("a", ["rm", SYSCTL], user="root")
    assert things(fleet)["ports"] == "made"


def test_who_is_not_root_uses_sudo_and_without_a_right_to_it_nothing_is_touched(fleet: Fleet) -> None:
    if fleet.hosts.run("a", ["sh", "-c", "command -v sudo"], check=False).returncode:
        pytest.skip("not installed: sudo (bin/test installs it)")
    unknown = fleet.project.run("setup", "live", "--login", "ubuntu", code=3)
    assert f"ssh ubuntu@{fleet.hosts.address('a')} true" in unknown.text and "--login USER" in unknown.text
    key = (fleet.hosts.directory / "id.pub").read_bytes()
    fleet.hosts.run("a", ["/usr/sbin/useradd", "--create-home", "--password", "*", "--shell", "/bin/sh", "ubuntu"], user="root")
    fleet.hosts.run("a", ["tee", "/etc/ssh/keys.ubuntu"], input=key, user="root")
    refused = fleet.project.run("setup", "live", "--login", "ubuntu", code=3)
    assert "may not become root there without a password" in refused.text and "--login USER" in refused.text
    fleet.hosts.run("a", ["tee", "/etc/sudoers.d/ubuntu"], input=b"ubuntu ALL=(ALL) NOPASSWD: ALL\n", user="root")
    assert set(things(fleet, "--login", "ubuntu").values()) <= {"there", "made"}
    assert things(fleet, "--login", "ubuntu", "--dry-run")["ports"] == "there"


def test_a_key_that_is_none_is_named_by_file_and_line_before_anything_is_touched(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{(fleet.hosts.directory / 'id.pub').read_text()}ssh-ed25519 AAAA\n")
    said = fleet.project.run("setup", "live", "--key", str(tmp_path / "keys"), "--key", str(fleet.hosts.directory / "id"), code=2)
    assert f"{tmp_path}/keys:2: " in said.text and "is a private key" in said.text


def test_one_more_host_serves_what_the_others_serve_or_the_file_is_as_it_was(fleet: Fleet) -> None:
    project, hosts = fleet.project, fleet.hosts
    file = project.directory / "shipway.toml"
    before = file.read_bytes()
    added = f'{{ name = "b", address = "deploy@{hosts.address("b")}" }}'
    words = ("host", "add", "live", f"deploy@{hosts.address('b')}", "--name", "b")
    project.deploy("v1")
    holder = hosts.run("b", ["sh", "-c", f"setsid python3 -c '{HOLDS}' > /tmp/holds 2>&1 & echo $!"]).stdout.decode().strip()
    try:
        eventually(lambda: hosts.run("b", ["cat", "/tmp/holds"], check=False).stdout == b"holds\n", "another program has the port")
        refused = project.run(*words, code=1)
        assert "8080" in refused.text and "shipway.toml is as it was" in refused.text
        assert file.read_bytes() == before
        assert project.serving() == "v1"
    finally:
        hosts.run("b", ["kill", "-9", holder])

    page = (DOCS / "setup.md").read_text(encoding="utf-8").split("**One more host.**", 1)[1]
    here = {"production": "live", "10.0.0.2": hosts.address("b")}
    with Shell(project.directory, shell_environment(project), here) as shell:
        shell.live(page)
    assert file.read_text() == before.decode().replace("  # b comes soon\n", f"  {added},\n  # b comes soon\n")
    assert fleet.version() == "1"
    assert {host["host"] for host in project.calm()["hosts"]} == {"a", "b"}
    there = project.run(*words, code=2)
    assert "b is a host of live already" in there.text
    project.deploy("v2")
    assert fleet.version() == "2"


def test_nobody_is_added_who_cannot_be_reached_or_while_the_file_is_being_edited(fleet: Fleet) -> None:
    file = fleet.project.directory / "shipway.toml"
    before = file.read_bytes()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        unknown = fleet.project.run("host", "add", "live", f"deploy@127.0.0.1:{nobody.getsockname()[1]}", "--name", "c", code=3)
    assert "cannot log in as root@ADDRESS on c" in unknown.text
    assert file.read_bytes() == before
    file.write_bytes(before + b"# an edit\n")
    try:
        edited = fleet.project.run("host", "add", "live", "deploy@10.0.0.9", code=3)
        assert "shipway.toml here is not as HEAD has it" in edited.text
    finally:
        file.write_bytes(before)

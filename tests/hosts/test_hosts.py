"""What tests may expect of a host: it is reached over ssh, it can lose power and its network, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import Hosts, disk
from tests.hosts.disk import Disk

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def three() -> Iterator[Hosts]:
    with Hosts(3) as hosts:
        yield hosts


def ssh(hosts: Hosts, host: str, command: str, seconds: float = 20) -> str:
    argv = ["ssh", "-F", str(hosts.ssh_config), "-o", "BatchMode=yes", "-o", "ConnectTimeout=2", host, command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=True).stdout.strip()


def test_a_host_is_reached_over_ssh_as_an_unprivileged_user(three: Hosts) -> None:
    assert [ssh(three, host, "echo $(hostname) $(id -un) $PWD") for host in three.names] == [f"{h} deploy /home/deploy" for h in "abc"]


def test_its_python3_is_not_the_operators(three: Hosts) -> None:
    assert ssh(three, "a", "command -v python3") == "/usr/bin/python3"


def test_hosts_see_neither_the_checkout_nor_each_other(three: Hosts) -> None:
    three.run("b", ["sh", "-c", "echo secret > ~/mine && echo secret > /tmp/mine"])
    assert ssh(three, "a", "ls -A /work /root /tmp /home/deploy | grep -v -e : -e ssh -e '^$' || true") == ""


def test_the_operator_sees_a_hosts_files(three: Hosts) -> None:
    three.run("c", ["sh", "-c", "echo here > /home/deploy/note"])
    assert three.path("c", "/home/deploy/note").read_text() == "here\n"


def test_a_reboot_ends_every_process_keeps_the_home_and_has_a_boot_id_of_its_own(three: Hosts) -> None:
    identity = "cat /proc/sys/kernel/random/boot_id"
    before = ssh(three, "a", f"{identity}; echo kept > ~/kept; echo gone > /tmp/gone; setsid sleep 1000 >/dev/null 2>&1 & echo")
    running = set(three.pids("a"))
    assert any("sleep 1000" in command for command in three.pids("a").values())
    three.reboot("a")
    assert not running & set(three.pids("a"))
    after = ssh(three, "a", f"{identity}; cat ~/kept; ls /tmp")
    assert before.split()[0] != after.split()[0]
    assert after.split()[1:] == ["kept"]
    assert float(ssh(three, "a", "cut -d' ' -f1 /proc/uptime")) < 60


def test_a_cut_host_is_silent_until_it_is_healed(three: Hosts) -> None:
    three.cut("b")
    with pytest.raises((subprocess.CalledProcessError, subprocess.TimeoutExpired)):
        ssh(three, "b", "true", seconds=5)
    three.heal("b")
    assert ssh(three, "b", "hostname") == "b"


def test_two_hosts_can_be_parted_while_the_operator_reaches_both(three: Hosts) -> None:
    three.cut("a", "b")
    reach = "timeout 2 bash -c 'read -n 3 < /dev/tcp/{}/22 && echo heard' || echo silence"
    try:
        assert ssh(three, "a", reach.format(three.address("b"))) == "silence"
        assert ssh(three, "a", reach.format(three.address("c"))) == "heard"
    finally:
        three.heal("a")
    assert ssh(three, "a", reach.format(three.address("b"))) == "heard"


def test_a_small_home_fills_up() -> None:
    with Hosts(1, home_size="1m") as hosts:
        full = hosts.run("a", ["dd", "if=/dev/zero", "of=big", "bs=1M", "count=2"], check=False)
        assert b"No space left" in full.stderr


@pytest.mark.skipif(disk.why_not() is not None, reason=disk.why_not() or "")
def test_all_hosts_can_lie_on_one_new_disk_that_goes_with_them_and_with_a_killed_session() -> None:
    with Hosts(2, all_on=Disk("64m", 5000)) as hosts:
        directory = hosts.directory
        rooms = {room for host in hosts.names for room in ssh(hosts, host, "stat -f -c %c /home /etc").split()}
        assert [4900 < int(room) <= 5000 for room in rooms] == [True], "one, of so many files, for both and for all that they write"
        assert len({hosts.home(host).stat().st_dev for host in hosts.names} | {directory.stat().st_dev}) == 2
        hosts.run("b", ["sh", "-c", "echo here > note"])
        assert (hosts.home("b") / "deploy/note").read_text() == "here\n"
    assert str(directory) not in Path("/proc/mounts").read_text()
    assert os.listdir(directory) == ["lock"]
    assert _killed("hosts = Hosts(1, all_on=Disk('64m', 5000))").returncode == -signal.SIGKILL
    with Hosts(1):
        assert "/disk.img" not in subprocess.run(["losetup", "--list"], capture_output=True, text=True, check=True).stdout


@pytest.mark.alone
def test_three_hosts_are_up_within_a_second_and_a_half_and_leave_nothing() -> None:
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        hosts = Hosts(3)
        hosts.up()
        seconds.append(time.monotonic() - began)
        directory = hosts.directory
        links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
        assert f"sw{directory.name}v0" in links
        processes = [pid for host in hosts.names for pid in hosts.pids(host)]
        hosts.down()
        assert os.listdir(directory) == ["lock"]
        assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]
        assert f"sw{directory.name}-" not in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
        assert f"10.77.{directory.name}." not in subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
        assert str(directory) not in Path("/proc/mounts").read_text()
    assert min(seconds) < 1.5


DIES = """
import os, signal
from tests.hosts import Hosts
from tests.hosts.disk import Disk
{made}
hosts.up()
print(*hosts.pids("a"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_session_left_is_cleared_by_the_next() -> None:
    dead = _killed("hosts = Hosts(1)")
    left = dead.stdout.split()
    assert dead.returncode == -signal.SIGKILL
    assert left
    with Hosts(1):
        assert not [pid for pid in left if Path(f"/proc/{pid}/root/home/deploy").exists()]


def _killed(made: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run([sys.executable, "-c", DIES.format(made=made)], capture_output=True, text=True, cwd=root, check=False)


def test_a_closed_port_takes_no_new_connection_and_keeps_the_open_ones(three: Hosts) -> None:
    with socket.create_connection((three.address("a"), 22), timeout=10) as link:
        three.close("a", 22)
        try:
            with pytest.raises(OSError):
                socket.create_connection((three.address("a"), 22), timeout=0.5)
            assert link.recv(4) == b"SSH-"
        finally:
            three.heal("a")
    socket.create_connection((three.address("a"), 22), timeout=10).close()

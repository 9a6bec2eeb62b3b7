"""Faults of hosts and of the way to them, over real ssh and on a real small disk: named, bounded, and nothing moves."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hosts import Hosts
from tests.stories.project import Project, end_all, eventually, processes_of, sample
from tests.stories.proof import Author, Ground, visit, wait_for
from tests.stories.shop import Shop
from tests.stories.test_errors import QUICK

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with Hosts(2) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def ground(hosts: Hosts, common_place: Path) -> Ground:
    lines = "\n".join(f'  {{ name = "{name}", address = "deploy@{hosts.address(name)}" }},' for name in hosts.names)
    text = f"[environment.live]\n{QUICK}\nhosts = [\n{lines}\n]\n"
    repository = sample(common_place / "shop", text, versions={"v1": {}})
    project = Project(repository, "live", hosts.env)
    project.run("deploy", "live")
    doors = {name: "{}:{}".format(*hosts.front(name)) for name in hosts.names}
    return Ground(project, doors, lambda: [pid for name in hosts.names for pid in hosts.pids(name)], Author(repository))


def test_an_address_where_nobody_is(ground: Ground, hosts: Hosts) -> None:
    nobody = hosts.address("b").rpartition(".")[0] + ".250"
    ground.author.commit(ground.author.settings.replace(hosts.address("b"), nobody))
    said = ground.fails("deploy", "live", code=3, names=["cannot reach b", nobody, "nothing was touched", f"ssh deploy@{nobody} true"])
    assert said.seconds < 60
    ground.mended(said)


def test_a_host_key_that_nobody_knows(ground: Ground, hosts: Hosts) -> None:
    known = hosts.directory / "known_hosts"
    right = known.read_text()
    ground.author.commit()
    known.write_text("".join(line for line in right.splitlines(keepends=True) if hosts.address("b") not in line))
    try:
        said = ground.fails("deploy", "live", code=3, names=["cannot reach b", "host key", "SHA256:", f"ssh deploy@{hosts.address('b')}"])
    finally:
        known.write_text(right)
    ground.mended(said)


def test_a_host_key_that_is_another(ground: Ground, hosts: Hosts) -> None:
    known = hosts.directory / "known_hosts"
    right = known.read_text()
    ground.author.commit()
    key = (hosts.directory / "a.key.pub").read_text().split()
    own = (hosts.directory / "b.key.pub").read_text().split()[1]
    known.write_text(right.replace(own, key[1]))
    assert known.read_text() != right
    try:
        said = ground.fails("deploy", "live", code=3, names=["cannot reach b", "another host key", "ssh-keygen -R"])
    finally:
        known.write_text(right)
    ground.mended(said)


def test_a_host_without_python(ground: Ground, hosts: Hosts) -> None:
    hosts.run("b", ["mv", "/usr/bin/python3", "/usr/bin/no-python3"], user="root")
    ground.author.commit()
    try:
        said = ground.fails("deploy", "live", code=3, names=["cannot reach b", "python3 (3.9 or newer)", "shipway setup live"])
        ground.read.add(("setup", "live"))  # the person installs it by hand; test_setup.py types this
    finally:
        hosts.run("b", ["mv", "/usr/bin/no-python3", "/usr/bin/python3"], user="root")
    ground.mended(said)


def test_a_root_that_may_not_be_written(ground: Ground, hosts: Hosts) -> None:
    there = f'deploy@{hosts.address("b")}"'
    ground.author.commit(ground.author.settings.replace(there, f'{there}, root = "/srv/nobody"'))
    said = ground.fails("deploy", "live", code=3, names=["cannot reach b", "/srv/nobody", "Permission denied", "`root` of b"])
    ground.mended(said)


def drivers_ssh(hosts: Hosts) -> list[int]:
    """The ssh clients of drivers that reach these hosts."""
    mark = os.fsencode(hosts.ssh_config)
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended
    return found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_driver_that_is_ended_leaves_nothing_on_hosts(ground: Ground, hosts: Hosts, number: signal.Signals, code: int) -> None:
    version = ground.author.commit(start_seconds=1)
    with ground.visited() as standing:
        driver = ground.project.start("deploy", "live", "--json")
        wait_for(driver, "phase", name="start")
        driver.send_signal(number)
        driver.communicate(timeout=100)
        assert driver.returncode == code
    ground.untouched(standing)
    eventually(lambda: drivers_ssh(hosts) == [], "its ssh clients have ended")
    ground.unlocked(ground.project.run("deploy", "live", "--json"), waits=number == signal.SIGKILL)
    assert {visit(door) for door in ground.doors.values()} == {f"200 {version}"}


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own at `path`, taken away again once what runs there has ended: later nobody can tell whose it was."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "shipway-test", str(path)], check=True)
    try:
        yield
    finally:
        end_all(path)
        subprocess.run(["umount", str(path)], check=True)


@pytest.fixture
def small(place: Path) -> Iterator[Ground]:
    """Two local hosts; the root of b is a disk that Caddy fills to three quarters."""
    with small_disk(place / "b", 76):
        shop = Shop(place, ("a", "b"), more=QUICK)
        shop.project.deploy("v1")
        yield Ground(shop.project, shop.doors, lambda: processes_of(place), Author(shop.repository))


def test_a_disk_that_is_full(small: Ground, place: Path) -> None:
    small.author.commit()
    filler = place / "b/filler"
    with filler.open("wb") as file:
        try:
            while file.write(bytes(1 << 20)):
                file.flush()
        except OSError:
            pass  # it is full
    said = small.fails("deploy", "local", code=3, names=["b has ", " free", "nothing was touched", "on b, then"])
    filler.unlink()
    small.mended(said)

    big = small.project.directory / "big"
    big.write_bytes(os.urandom(24 << 20))
    small.author.commit()
    said = small.fails("deploy", "local", code=1, names=["b in ship: ", " are to come", " are free", "free space on b"])
    big.unlink()
    small.mended(said)

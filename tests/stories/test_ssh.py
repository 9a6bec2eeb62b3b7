"""Three real hosts over ssh, as an unprivileged user: the same promises, and what only real hosts can do: reboot, vanish, refuse."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from load import Load
from tests.hosts import Hosts, systemd
from tests.stories.project import FOUR, Project, eventually, sample
from tests.stories.proof import wait_for
from tests.stories.shop import QUICK

pytestmark = pytest.mark.hosts
PROJECT = "/home/deploy/.shipway/apps/shop-live"


class Fleet:
    """The sample application on the hosts, in the environment `live`; `settings` stand above it in shipway.toml, `more` in it."""

    def __init__(self, place: Path, hosts: Hosts, more: str = QUICK, *, settings: str = "") -> None:
        self.hosts = hosts
        lines = "\n".join(f'  {{ name = "{name}", address = "deploy@{hosts.address(name)}" }},' for name in hosts.names)
        settings += f"[environment.live]\n{more}\nhosts = [\n{lines}\n]\n"
        repository = sample(place / "shop", settings, versions={**FOUR, "v5": {}})
        self.project = Project(repository, "live", hosts.env)

    @property
    def doors(self) -> list[str]:
        return [f"{address}:{port}" for address, port in map(self.hosts.front, self.hosts.names)]

    def version(self) -> str:
        """What every front door answers with."""
        said = {self.about(name)["version"] for name in self.hosts.names}
        assert len(said) == 1, said
        return str(said.pop())

    def about(self, name: str) -> dict[str, str]:
        asked = self.hosts.run(name, ["python3", "-c", ASK])
        said: dict[str, str] = json.loads(asked.stdout)
        return said


ASK = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8080/version', timeout=10).read().decode())"


@pytest.fixture
def fleet(place: Path) -> Iterator[Fleet]:
    with Hosts(3) as hosts:
        yield Fleet(place, hosts)


@pytest.mark.alone
def test_the_whole_story_under_load(place: Path) -> None:
    with Hosts(3) as hosts:
        fleet = Fleet(place, hosts, "watch_seconds = 3")
        fleet.project.deploy("v1")
        with Load(*fleet.doors, scale=0.4) as load:
            fleet.project.deploy("v2")
            assert fleet.version() == "2"
            broken = fleet.project.deploy("v3", code=1)
            assert "cannot start: behaviour.json says so" in broken.text
            assert fleet.version() == "2"
            fleet.project.deploy("v4", code=1)
            assert fleet.project.serving() == "v2"
            fleet.project.rollback()
            assert fleet.project.serving() == "v1"
            outcome = load.stop()
    assert outcome.failures == (), str(outcome)
    assert set(outcome.versions) <= {"1", "2", "4"}


def test_nothing_needs_root_and_nothing_is_written_outside(fleet: Fleet) -> None:
    fleet.project.deploy("v1")
    written = fleet.hosts.run(
        "a", ["find", "/", "-xdev", "-newer", "/run/sshd", "-user", "deploy", "-not", "-path", "/proc/*"], user="root"
    )
    allowed = ("/home/deploy", "/tmp/shipway-", "/var/spool/cron/crontabs/deploy")
    outside = [path for path in written.stdout.decode().splitlines() if not path.startswith(allowed)]
    assert outside == []
    owners = fleet.hosts.run("a", ["ps", "-eo", "user,args"], user="root").stdout.decode().splitlines()
    ours = [line for line in owners if ".shipway" in line or "app.py" in line or "caddy" in line]
    assert ours
    assert all(line.startswith("deploy") for line in ours), ours


def test_a_rebooted_host_serves_what_it_served(fleet: Fleet) -> None:
    fleet.project.deploy("v1")
    fleet.hosts.reboot("b")

    def back() -> bool:
        status = fleet.project.run("status", "live", "--json", code=None)
        return bool(status.code == 0 and all(process["healthy"] for host in status.lines[0]["hosts"] for process in host["processes"]))

    fleet.project.run("deploy", "live", "--ref", "v1")
    eventually(back, "the processes of the rebooted host are healthy")
    assert fleet.version() == "1"


def answers(hosts: Hosts, version: str) -> None:
    """Wait until the host itself is served this version by its front door: no command of ours asks."""
    asked = ["python3", "-c", ASK]
    answered = f'"version": "{version}"'.encode()
    eventually(lambda: answered in hosts.run("a", asked, check=False).stdout, f"{version} answers, and nobody typed anything", 60.0)


@pytest.mark.timeout(300)
def test_a_host_that_reboots_serves_by_itself_and_an_unconfirmed_release_comes_back_as_the_old_one(place: Path) -> None:
    theirs = b"MAILTO=ann\n0 4 * * * /usr/bin/true 50\\% # theirs\n"
    with Hosts(1) as hosts:
        fleet = Fleet(place, hosts)
        hosts.run("a", ["crontab", "-"], input=theirs)
        fleet.project.deploy("v1")
        table = hosts.run("a", ["crontab", "-l"]).stdout
        assert table.startswith(theirs) and table.count(b"supervise") == 2, table
        hosts.run("a", ["crontab", "-"], input=theirs)
        assert "nothing starts this application after a reboot" in fleet.project.run("doctor", "live", code=1).out
        assert "a: cron starts it after a reboot again" in fleet.project.run("doctor", "live", "--fix").out
        assert hosts.run("a", ["crontab", "-l"]).stdout == table
        hosts.reboot("a")
        answers(hosts, "1")
        driver = fleet.project.start("deploy", "live", "--ref", "v2", "--json")
        wait_for(driver, "switched")
        driver.kill()
        driver.communicate(timeout=60)
        hosts.reboot("a")
        answers(hosts, "1")
        assert fleet.project.calm()["agrees"] is True
        fleet.project.deploy("v2")
        assert hosts.run("a", ["crontab", "-l"]).stdout == table, "written once"
        fleet.project.run("remove", "live", "--yes")
        assert hosts.run("a", ["crontab", "-l"]).stdout == theirs


@pytest.mark.timeout(300)
def test_where_systemd_is_the_init_a_unit_keeps_the_supervisor_and_starts_it_after_a_reboot(place: Path) -> None:
    reason = systemd.why_not()
    if reason:
        pytest.skip(reason)
    with Hosts(1, systemd=True) as hosts:
        fleet = Fleet(place, hosts, "watch_seconds = 3\nlease_seconds = 6\nconfirm_seconds = 600")

        def units(*words: str) -> str:
            asked = ["env", "XDG_RUNTIME_DIR=/run/user/20001", "systemctl", "--user", *words, "shipway-shop-live.service"]
            return hosts.run("a", asked, check=False).stdout.decode().strip()

        def supervisors() -> list[int]:
            marked = "supervise --root /home/deploy/.shipway/apps"
            return [pid for pid, command in hosts.pids("a").items() if marked in command and "current.pyz" not in command]

        fleet.project.deploy("v1")
        assert (units("is-enabled"), units("is-active")) == ("enabled", "active")
        assert hosts.run("a", ["crontab", "-l"], check=False).returncode == 1, "one of the two is enough"
        serving = fleet.about("a")
        (before,) = supervisors()
        os.kill(before, signal.SIGKILL)
        eventually(lambda: len(supervisors()) == 1 and supervisors() != [before], "systemd has started another supervisor")
        assert fleet.about("a") == serving, "its processes went on, and the new one has found them"
        hosts.reboot("a")
        answers(hosts, "1")
        assert fleet.project.calm()["agrees"] is True
        driver = fleet.project.start("deploy", "live", "--ref", "v2", "--json")
        wait_for(driver, "switched")
        driver.kill()
        driver.communicate(timeout=60)
        hosts.reboot("a")
        answers(hosts, "1")
        assert fleet.project.calm()["agrees"] is True
        assert "it was rebooted before the decision" in fleet.project.run("attach", "live", code=1).text, "no deadline had come"
        fleet.project.run("remove", "live", "--yes")
        assert units("is-active") == "inactive"
        eventually(lambda: supervisors() == [], "nothing starts it any more")


def test_a_host_that_reboots_after_the_switch_does_not_split_the_fleet(fleet: Fleet) -> None:
    fleet.project.deploy("v1")
    driver = fleet.project.start("deploy", "live", "--ref", "v2", "--json")
    wait_for(driver, "switched")
    fleet.hosts.reboot("c")
    out, err = driver.communicate(timeout=110)
    assert driver.returncode in (1, 4), out + err
    assert fleet.project.run("resume", "live", code=None).code in (0, 1)
    assert fleet.project.calm()["agrees"] is True
    fleet.project.deploy("v5")
    assert fleet.version() == "5"


def test_an_unreachable_host_is_named_before_anything_is_touched(fleet: Fleet) -> None:
    fleet.project.deploy("v1")
    fleet.hosts.cut("c")
    said = fleet.project.deploy("v2", code=3)
    assert "c" in said.text
    fleet.hosts.heal("c")
    fleet.project.deploy("v2")
    assert fleet.version() == "2"


def test_a_host_that_vanishes_after_the_switch_is_settled_when_it_is_back(place: Path) -> None:
    with Hosts(3) as hosts:
        fleet = Fleet(place, hosts, "watch_seconds = 3\nconfirm_seconds = 6\nlease_seconds = 4")
        fleet.project.deploy("v1")
        driver = fleet.project.start("deploy", "live", "--ref", "v2", "--json")
        wait_for(driver, "switched")
        hosts.cut("c")
        out, err = driver.communicate(timeout=110)
        assert driver.returncode == 4, out + err
        assert "c" in json.loads(out.splitlines()[-1])["message"]
        hosts.heal("c")
        assert fleet.project.run("resume", "live", code=None).code in (0, 1)
        assert fleet.project.calm()["agrees"] is True
        assert fleet.version() == "1"


def test_an_unknown_or_changed_host_key_is_never_trusted(fleet: Fleet) -> None:
    known = fleet.hosts.directory / "known_hosts"
    right = known.read_text()
    lines = right.splitlines(keepends=True)
    known.write_text("".join(lines[1:]))
    unknown = fleet.project.deploy("v1", code=3)
    assert "key" in unknown.text
    assert known.read_text() == "".join(lines[1:])
    swapped = [lines[0].split(" ", 1)[0] + " " + lines[1].split(" ", 1)[1], *lines[1:]]
    known.write_text("".join(swapped))
    changed = fleet.project.deploy("v1", code=3)
    assert "key" in changed.text
    known.write_text(right)
    fleet.project.deploy("v1")
    assert fleet.version() == "1"


def test_a_host_without_python_is_named_with_what_to_install(fleet: Fleet) -> None:
    fleet.hosts.run("b", ["sh", "-c", "rm /usr/bin/python3*"], user="root")
    said = fleet.project.deploy("v1", code=3)
    assert "python3" in said.text
    assert "b" in said.text


def test_what_a_login_prints_disturbs_nothing(fleet: Fleet) -> None:
    fleet.hosts.run("a", ["sh", "-c", "echo 'echo welcome; echo to this host >&2' > ~/.bashrc"])
    fleet.project.deploy("v1")
    assert fleet.version() == "1"


def test_a_disk_that_is_too_small_is_named_before_anything_is_sent(place: Path) -> None:
    with Hosts(1, home_size="4m") as hosts:
        fleet = Fleet(place, hosts)
        said = fleet.project.deploy("v1", code=3)
        assert said.code == 3, said.text
        assert "a has" in said.text
        assert "MB free" in said.text


def test_a_link_that_is_cut_when_the_work_is_done_changes_nothing(fleet: Fleet) -> None:
    fleet.project.deploy("v1")
    fleet.hosts.cut("a", "operator")
    try:
        assert fleet.version() == "1", "hosts need nobody between deployments"
    finally:
        fleet.hosts.heal("a")
    assert fleet.project.serving() == "v1"

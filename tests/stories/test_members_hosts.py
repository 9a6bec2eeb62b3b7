"""Members of a fleet over ssh: one is replaced by a bare machine, the lead loses its power while a fix goes live; both become whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import Hosts
from tests.stories.project import eventually
from tests.stories.test_ssh import Fleet

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def fleet(common_place: Path) -> Iterator[Fleet]:
    """Two hosts that serve v2, and v1 before it."""
    with Hosts(2) as hosts:
        fleet = Fleet(common_place, hosts)
        fleet.project.deploy("v1")
        fleet.project.deploy("v2")
        yield fleet


def states(fleet: Fleet) -> dict[str, tuple[str, int | None]]:
    """What `status` says of each host, which must be that something is not as it should be."""
    return {host["host"]: (host["state"], host["generation"]) for host in fleet.project.status(4)["hosts"]}


def replace_machine(hosts: Hosts, host: str) -> None:
    """Same name, same address; nothing of ours on it, and nothing that ran."""
    hosts.run(host, ["crontab", "-r"], check=False)
    # Its supervisor works until the reboot, and may put a file into a folder that is being removed: then once more.
    hosts.run(host, ["sh", "-c", "until rm -rf /home/deploy/.shipway; do sleep 0.1; done"], user="root")
    hosts.reboot(host)


def test_a_bare_machine_in_the_place_of_a_member_becomes_a_whole_host(fleet: Fleet) -> None:
    replace_machine(fleet.hosts, "b")
    known = fleet.hosts.directory / "known_hosts"
    new = known.read_text()
    own, other = ((fleet.hosts.directory / f"{name}.key.pub").read_text().split()[1] for name in "ba")
    known.write_text(new.replace(own, other))
    refused = fleet.project.deploy("v2", code=3)
    assert "cannot reach b" in refused.text and "another host key" in refused.text
    assert "SHA256:" in refused.text and "ssh-keygen -R" in refused.text, "never trusted anew by itself"
    known.write_text(new)  # a person has compared the fingerprints

    before = states(fleet)
    assert before["a"][0] == "live" and before["b"] == ("empty", None)
    said = fleet.project.rollback()
    assert "b: gets generation 1 from a" in said.text
    assert fleet.version() == "1"
    assert before["a"][1] is not None
    assert {host["generation"] for host in fleet.project.calm()["hosts"]} == {before["a"][1] + 1}, "one more than any member has seen"


def test_the_lead_loses_its_power_and_a_fix_goes_live_without_it(fleet: Fleet) -> None:
    fleet.hosts.kill("a")
    try:
        said = fleet.project.run("deploy", "live", "--ref", "v5", "--without", "a", code=4)
        assert "a cannot be reached and is behind" in said.text
        assert fleet.about("b")["version"] == "5"
    finally:
        fleet.hosts.start("a")
    eventually(lambda: states(fleet)["a"][0] == "behind", "a is back, and named", 60)
    fleet.project.deploy("v5")
    assert fleet.version() == "5"
    assert fleet.project.calm()["agrees"] is True

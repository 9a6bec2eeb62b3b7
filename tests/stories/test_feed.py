"""A first deployment to two hosts: half of it comes to each from the other, and the report says so."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import Hosts
from tests.stories.project import Project, sample
from tests.stories.shop import QUICK

pytestmark = pytest.mark.hosts

LARGE_BYTES = 3_000_000
PARCELS = ".shipway/apps/shop-live/parcels"


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with Hosts(2) as hosts:
        yield hosts


@pytest.fixture
def project(tmp_path: Path, hosts: Hosts) -> Project:
    lines = "\n".join(f'  {{ name = "{name}", address = "deploy@{hosts.address(name)}" }},' for name in hosts.names)
    repository = sample(tmp_path / "shop", f"[environment.live]\n{QUICK}\nhosts = [\n{lines}\n]\n", versions={"v1": {}})
    (repository.directory / "large.bin").write_bytes(random.Random(1).randbytes(LARGE_BYTES))
    repository.git("add", "large.bin")
    repository.git("commit", "--quiet", "--message", "what is large")
    repository.git("tag", "large")
    return Project(repository, "live", hosts.env)


def test_what_one_host_has_the_others_get_from_it(project: Project, hosts: Hosts) -> None:
    said = project.deploy("large")
    shipped = {name: host["shipped"] for name, host in project.report()["hosts"].items()}
    assert set(shipped) == set(hosts.names)
    for name, one in shipped.items():
        assert one["bytes"] > LARGE_BYTES
        assert set(one["peers"]) <= set(hosts.names) - {name}
    passed_on = sum(sum(one["peers"].values()) for one in shipped.values())
    assert passed_on > LARGE_BYTES / 2
    assert project.report()["bytes_moved"]["between_hosts"] == passed_on
    assert "passed on between hosts" in said.text
    assert all(not hosts.path(name, f"/home/deploy/{PARCELS}").exists() for name in hosts.names), "what was passed on is not kept twice"

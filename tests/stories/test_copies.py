"""Restore points that leave their host: behind every verdict, told where they are, behind when a place says no, and fetched back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.data.elsewhere.bucket import BUCKET, bucket
from tests.hosts import Hosts
from tests.stories.project import Project, eventually, sample
from tests.stories.shop import QUICK, VERSIONS, Shop

DATA = """
[data.uploads]
driver = "files"
path = "media"
points = "always"
copies = [{copies}]
"""


@pytest.fixture(scope="module")
def there(common_place: Path) -> Path:
    made = common_place / "mnt"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def shop(common_place: Path, there: Path) -> Iterator[Shop]:
    shop = Shop(common_place, after=DATA.format(copies=f'{{ to = "{there}", keep = 3 }}'))
    yield shop
    shop.project.run("remove", "local", "--yes")


def place(project: Project, environment: str = "local") -> dict[str, Any]:
    (found,) = project.run("data", "list", environment, "--json", code=None).verdict["data"]["places"]
    return dict(found)


def points(project: Project, environment: str = "local") -> list[str]:
    return [one["point"] for one in project.run("data", "list", environment, "--json").verdict["data"]["points"]]


def files(there: Path) -> list[str]:
    return sorted(path.name.removesuffix(".tar") for path in there.glob("*/*/uploads/*.tar"))


def test_a_deployment_does_not_wait_for_the_copy_which_arrives_by_itself(shop: Shop, there: Path) -> None:
    shop.project.deploy("v1")
    (shop.root / "shared/media/upload.txt").write_text("of a visitor")
    shop.project.deploy("v2")
    eventually(lambda: files(there) == sorted(points(shop.project)), "each point is there, and nobody typed anything")
    said = shop.project.run("data", "list", "local").out
    assert f"uploads: {len(files(there))} copies at {there}, of 3 that are kept" in said
    found = place(shop.project)
    assert (found["lacking"], found["error"], found["since"]) == ([], None, None)
    assert [one["point"] for one in found["points"]] == files(there)


def test_a_place_that_is_away_is_told_and_what_lacks_is_sent_when_it_is_back(shop: Shop, there: Path) -> None:
    away = there.with_name("away")
    there.rename(away)
    taken = shop.project.run("data", "backup", "local", "--json").verdict["data"]["points"][0]["point"]
    eventually(lambda: place(shop.project)["error"] is not None, "its host has tried")
    said = shop.project.run("data", "list", "local").out
    assert "BEHIND by 1 since" in said and "is no directory of this host: mount or make it" in said
    found = shop.project.run("doctor", "local", code=1).out
    assert f"{there} lacks 1 copy of uploads, and says no for" in found and "shipway data send local --only uploads" in found
    asked = shop.project.run("data", "send", "local", code=1)
    assert f"0 copies sent, and read back there; {there} says no" in asked.text
    assert "shipway data send local at once" in asked.text
    away.rename(there)
    assert "1 copy sent, and read back there" in shop.project.run("data", "send", "local", "--json").verdict["message"]
    assert taken in files(there)
    well = shop.project.run("doctor", "local").out
    assert "none of the restore points of uploads was ever restored" in well, "a note, and nothing is wrong"
    assert "BEHIND" not in shop.project.run("data", "list", "local").out


def test_a_point_that_is_gone_from_its_host_is_fetched_and_restored(shop: Shop, there: Path) -> None:
    shop.project.run("data", "send", "local")
    point = files(there)[-1]
    shutil.rmtree(shop.root / "data/uploads")
    (shop.root / "shared/media/upload.txt").write_text("lost")
    said = shop.project.run("data", "list", "local").out
    assert f"{point} is only at {there}, " in said and f"shipway data fetch local {point}" in said
    asked = shop.project.run("data", "restore", "local", point, code=2)
    assert f"shipway data fetch local {point} brings it back from {there}" in asked.text
    wrong = shop.project.run("data", "fetch", "local", point, "--from", "/nowhere", code=2)
    assert f"copies of uploads are at {there}, not at /nowhere" in wrong.text
    shop.project.run("data", "restore", "local", point, "--from", str(there), "--yes")
    assert (shop.root / "shared/media/upload.txt").read_text() == "of a visitor"
    fetched = shop.project.run("data", "fetch", "local", "uploads").out
    assert "uploads: 1 restore point" in fetched
    assert points(shop.project) == [point]


def test_a_supervisor_that_was_killed_has_a_successor_that_sends(shop: Shop, there: Path) -> None:
    """The wish is in the journal, and not in anybody's memory."""
    import os
    import signal

    from tests.stories.project import processes_of

    away = there.with_name("away")
    there.rename(away)
    taken = shop.project.run("data", "backup", "local", "--json").verdict["data"]["points"][0]["point"]
    eventually(lambda: place(shop.project)["error"] is not None, "its host has tried")
    for pid in processes_of(shop.root):
        if b"supervise" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    away.rename(there)
    shop.project.deploy("v5")
    eventually(lambda: taken in files(there), "the successor has sent it")


def test_a_bucket_gets_them_with_keys_that_are_in_one_file_of_the_host_and_nowhere_else(place: Path) -> None:
    with bucket() as store:
        secret = store.variables["AWS_SECRET_ACCESS_KEY"]
        rows = {**store.variables, "AWS_SECRET_ACCESS_KEY": None}
        env = ", ".join(f'{name} = "{value}"' if value else f'{name} = {{ env = "BACKUP_SECRET" }}' for name, value in rows.items())
        shop = Shop(place, after=DATA.format(copies=f'"s3://{BUCKET}/backups"') + f"env = {{ {env} }}\n")
        project = Project(shop.repository, "local", {"BACKUP_SECRET": secret})
        project.deploy("v1")
        eventually(lambda: len(store.keys()) == 1, "it is there, and nobody typed anything")
        (point,) = points(project)
        assert store.keys() == [f"backups/shop/local/uploads/{point}.tar"]
        shutil.rmtree(shop.root / "data/uploads")
        assert f"came from s3://{BUCKET}/backups" in project.run("data", "fetch", "local", "uploads", "--json").verdict["message"]
        holders = {path.name for path in shop.root.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()}
        assert holders == {"env.json"}
        project.run("remove", "local", "--yes")


@pytest.mark.hosts
def test_another_host_over_ssh_gets_them_from_the_host_itself(place: Path) -> None:
    with Hosts(2) as hosts:
        address = hosts.address("b")
        hosts.run("a", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/home/deploy/.ssh/id_ed25519"])
        key = hosts.run("a", ["cat", "/home/deploy/.ssh/id_ed25519.pub"]).stdout
        hosts.run("b", ["sh", "-c", "cat >>/home/deploy/.ssh/authorized_keys"], input=key)
        to = f"deploy@{address}:/home/deploy/it's a backup"
        settings = f'[environment.live]\n{QUICK}\nhosts = ["deploy@{hosts.address("a")}"]\n' + DATA.format(copies=f'"{to}"')
        project = Project(sample(place / "shop", settings, versions=VERSIONS), "live", hosts.env)
        project.deploy("v1")
        asked = project.run("data", "send", "live", code=1)
        assert "Host key verification failed" in asked.text, "nobody trusts a host that was never seen"
        known = f"{address} {' '.join((hosts.directory / 'b.key.pub').read_text().split()[:2])}\n"
        hosts.run("a", ["sh", "-c", "cat >>/home/deploy/.ssh/known_hosts"], input=known.encode())
        project.run("data", "send", "live")
        listed = hosts.run("b", ["find", "/home/deploy/it's a backup", "-name", "*.tar"]).stdout.decode().splitlines()
        assert [line.rpartition("/")[2].removesuffix(".tar") for line in listed] == points(project, "live")
        (point,) = points(project, "live")
        hosts.run("a", ["find", "/home/deploy/.shipway/apps/shop-live/data/uploads", "-delete"])
        assert f"came from {to}" in project.run("data", "fetch", "live", point, "--json").verdict["message"]
        assert points(project, "live") == [point]

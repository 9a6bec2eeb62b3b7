"""What was replaced a moment ago is still warm: a rollback to it starts nothing, and nobody notices, whoever is killed in between."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from load import Load
from load.kinds import KINDS
from tests.stories.project import processes_of
from tests.stories.shop import Shop

HOSTS = ("a", "b")


def pids(shop: Shop) -> dict[str, int]:
    return {host: int(shop.about(host)["pid"]) for host in HOSTS}


def warm(shop: Shop) -> dict[str, int]:
    """The generation that is warm on each host, as status tells."""
    return {host["host"]: host["warm"]["generation"] for host in shop.project.calm()["hosts"]}


def supervisors_of(root: Path) -> list[int]:
    """The pid of the supervisor of an app's root, and of one that just finds out that there is one; the proxy in it has another."""
    argv = os.fsencode(f"\0supervise\0--root\0{root}\0")
    return [pid for pid in processes_of(root) if argv in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.alone
@pytest.mark.timeout(300)
def test_a_rollback_while_warm_is_the_rename_alone_under_every_kind_of_load(place: Path) -> None:
    shop = Shop(place, HOSTS, more="watch_seconds = 1\nkeep_warm_seconds = 600")
    shop.project.deploy("v1")
    first = pids(shop)
    with Load(*shop.doors.values(), scale=0.25) as load:
        assert "generation 1 stays warm for 600 s" in shop.project.deploy("v2").text
        second = pids(shop)
        assert warm(shop) == dict.fromkeys(HOSTS, 1)
        for root in shop.roots.values():  # their processes go on; the next supervisor finds them again
            for pid in supervisors_of(root):
                os.kill(pid, signal.SIGKILL)
        said = shop.project.rollback()
        assert "generation 1 is warm" in said.text and "no process is started" in said.text
        assert (shop.version(), pids(shop)) == ("1", first), "the very processes that served before"
        shop.project.rollback()
        assert (shop.version(), pids(shop)) == ("2", second), "and back again"
        outcome = load.stop()
    assert outcome.failures == (), str(outcome)
    assert set(outcome.kinds) == set(KINDS) and all(totals.sent for totals in outcome.kinds.values())

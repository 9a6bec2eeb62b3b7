"""What people ordered of a fleet besides a release: it holds on, for the processes of every host, until the file overrules it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shipway.model.facts import HostFacts
from shipway.model.intent import Intent, Process
from shipway.plan.standing import as_in_file, as_now, kept, newest_live, scale_notes, scaled, starts_again
from tests.plan.fleet import WEB, facts, host, intent, release, serving

WORKER = Process("worker", "work", roles=("jobs",))
ORDER = {"since": 1790000000.0, "who": "bob@desk"}


def fleet(**orders: dict[str, Any]) -> tuple[Intent, dict[str, HostFacts]]:
    """Host a answers requests, host b works; `orders` are keys of the documents by host."""
    wanted = intent(processes=(replace(WEB, roles=("web",)), WORKER))
    hosts = (host("a", ("web",)), host("b", ("jobs",)))
    wanted = replace(wanted, environment=replace(wanted.environment, hosts=hosts))
    said = serving(wanted, [release(1)])
    for name, keys in orders.items():
        said[name]["generations"]["1"] |= keys
    return wanted, facts(said)


def instances(wanted: Intent) -> dict[str, tuple[int, int | None]]:
    return {process.name: (process.instances, process.scaled_from) for process in wanted.shipment.processes}


def test_what_was_ordered_of_any_host_holds() -> None:
    wanted, there = fleet(
        a={"scaled": {"web": {"instances": 4, "file": 1}}},
        b={"scaled": {"worker": {"instances": 3, "file": 1}}, "stopped": {"worker": {"instances": 3, **ORDER}}},
    )
    assert instances(scaled(wanted, there)) == {"web": (4, 1), "worker": (3, 1)}
    assert starts_again(there) == ["starts worker again, which was stopped by bob@desk"]
    assert scale_notes(scaled(wanted, there), there)[0] == "web is scaled to 4; shipway.toml says 1"


def test_the_file_overrules_an_order_as_soon_as_it_says_something_else() -> None:
    wanted, there = fleet(a={"scaled": {"web": {"instances": 4, "file": 2}}})
    assert instances(scaled(wanted, there))["web"] == (1, None)
    assert scale_notes(scaled(wanted, there), there) == ["web: 1, as shipway.toml says now; it was scaled to 4 when that said 2"]


def test_a_fleet_of_which_nobody_ordered_anything_is_as_in_its_file() -> None:
    wanted, there = fleet()
    assert scaled(wanted, there) == wanted
    assert (kept(there), starts_again(there), scale_notes(wanted, there)) == ({}, [], [])
    assert newest_live({}) == {}


def test_an_earlier_generation_comes_back_running_and_in_the_numbers_of_now() -> None:
    maintenance = {"how": "page", "hold_seconds": None, "message": "", "page": None, **ORDER}
    now = {"scaled": {"web": {"instances": 4, "file": 1}}, "maintenance": maintenance}
    _, there = fleet(a=now)
    live = there["a"].live
    assert live is not None
    rows = [{**process, "instances": 0} for process in live["processes"]]
    stopped = {**live, "number": 0, "processes": rows, "stopped": {"web": {"instances": 1, **ORDER}}, "closed": ORDER, "scaled": {}}
    keys = as_now(stopped, there["a"], there)
    assert [process["instances"] for process in keys["processes"]] == [4]
    assert (keys["closed"], keys["stopped"], keys["takes"]) == (None, {}, [])
    assert keys["scaled"] == now["scaled"] and keys["maintenance"] == maintenance


def test_what_is_stopped_or_scaled_is_the_same_content() -> None:
    _, there = fleet()
    live = there["a"].live
    assert live is not None
    rows = [{**process, "instances": 0} for process in live["processes"]]
    stopped = {**live, "processes": rows, "stopped": {"web": {"instances": 4, **ORDER}}, "scaled": {"web": {"instances": 4, "file": 1}}}
    before, after = as_in_file(live), as_in_file({**stopped, "closed": ORDER})
    assert before == after and before is not None and before["processes"] == live["processes"]


def test_what_is_held_back_goes_on_into_every_later_generation() -> None:
    row = {"commit": "2" + "c" * 39, "version": "1.2", **ORDER}
    _, there = fleet(a={"held_back": [row]}, b={"held_back": [row]})
    assert kept(there) == {"held_back": [row]}
    assert as_now(there["a"].generations[1], there["a"], there)["held_back"] == [row]


def test_an_earlier_generation_brings_nothing_back_that_was_released_since() -> None:
    wanted, _ = fleet()
    said = serving(wanted, [release(1), release(2)])
    said["a"]["generations"]["1"]["held_back"] = [{"commit": "3" + "c" * 39, "version": "1.3", **ORDER}]
    there = facts(said)
    assert as_now(there["a"].generations[1], there["a"], there)["held_back"] == []

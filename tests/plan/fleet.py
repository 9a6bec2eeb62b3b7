"""A fleet for tests of the plan: intents, releases, and what hosts say of themselves, in the form in which the agent says it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from shipway.model.elders import known_to_each
from shipway.model.facts import HostFacts
from shipway.model.intent import Environment, Health, Host, Intent, Page, Process, Shipment, Task
from shipway.model.release import Entry, Release, Source
from shipway.plan.documents import generation_document, member_addresses
from shipway.plan.facts import read_facts

WHO = "ann@laptop"
CADDY = "c" * 64
CADDIES = dict.fromkeys("abcdefgh", CADDY)
KEY = "k" * 64
WEB = Process("web", "serve --port $PORT", listens="port", health=Health(Page("/up"), 20.0))
WORKER = Process("worker", ("work", "--for-ever"), overlap=False, drain_seconds=40.0, roles=("jobs",))


def intent(hosts: Sequence[str] = ("a", "b"), *, tasks: Sequence[Task] = (), processes: Sequence[Process] = (WEB,), **more: Any) -> Intent:
    """An application `shop` in `production`. `more` goes to the environment; `shared`, `static` and `app_env` to the shipment."""
    shipment = Shipment(
        "shop",
        tuple(processes),
        tuple(tasks),
        shared=more.pop("shared", ()),
        static=more.pop("static", None),
        env=more.pop("app_env", {}),
        jobs=more.pop("jobs", ()),
    )
    return Intent("shop", ".", Environment("production", tuple(host(name) for name in hosts), **more), shipment)


def host(name: str, roles: Sequence[str] = ()) -> Host:
    return Host(name, f"deploy@{name}.example", tuple(roles))


def release(number: int, entries: Sequence[Entry] | None = None) -> Release:
    """Release `number`: its digest, commit and tree begin with it."""
    digest = f"{number}" + "d" * 63
    source = Source(f"{number}" + "c" * 39, f"{number}" + "e" * 39, "HEAD", f"change {number}", "Ann", "2026-11-28T12:00:00+00:00")
    files = entries if entries is not None else (Entry("app.py", "file", f"{number}" + "b" * 63, 1000),)
    return Release(digest, f"1.{number}", source, tuple(files), size_bytes=sum(e.size for e in files))


def fresh(name: str) -> dict[str, Any]:
    """What a host says before anything was deployed to it."""
    return {
        "hello": {
            "host": name,
            "agent": "a" * 64,
            "python": "3.11.2",
            "platform": "linux-x86_64",
            "user": "deploy",
            "uid": 1000,
            "home": "/home/deploy",
            "root": "/home/deploy/.shipway/apps/shop-production",
            "boot_id": "b",
            "boot_now": 1000.0,
            "clock": 1790000000.0,
            "after_reboot": False,
            "why_not": None,
        },
        "disk": {"free_bytes": 10_000_000_000, "free_inodes": 1_000_000},
        "member": {"name": name, "term": 0, "fence": 0, "lease": None, "current": None, "attempts": []},
        "link": None,
        "generations": {},
        "good": [],
        "releases": [],
        "processes": [],
        "proxy": {"running": False, "binary": None, "listen": None, "sites": {}},
        "shared": [],
        "drift": [],
        "busy": [],
        "supervisor": {"running": False, "agent": None},
        "root_bytes": 0,
        "peer_port": 7000,
    }


def serving(wanted: Intent, releases: Sequence[Release], only: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """What hosts say after these releases went live one after the other, as generations 1, 2, …"""
    known, places = known_to_each(h.name for h in wanted.environment.hosts), member_addresses(wanted)
    found = {}
    for h in wanted.environment.hosts:
        said = fresh(h.name)
        for number, shipped in enumerate(releases if only is None or h.name in only else (), 1):
            _live(said, wanted, shipped, h, number, list(known[h.name]), places[h.name])
        found[h.name] = said
    return found


def facts(said: Mapping[str, Mapping[str, Any]]) -> dict[str, HostFacts]:
    """The same, typed."""
    return {name: read_facts(name, value) for name, value in said.items()}


def _live(said: dict[str, Any], wanted: Intent, shipped: Release, h: Host, number: int, members: list[str], places: Any) -> None:
    made: dict[str, Any] = {"deployment": f"{number}-abcdef", "kind": "deploy", "who": WHO, "made": 1790000000.0, "members": places}
    document = generation_document(wanted, shipped, h, number=number, **made)
    attempt = {
        "deployment": document["deployment"],
        "fence": number,
        "stage": "committed",
        "lead": members[0],
        "members": members,
        "confirm_seconds": 60.0,
        "base": said["member"]["current"],
        "deadline": 0.0,
        "document": {},
    }
    said["member"] |= {"fence": number, "current": number, "attempts": [*said["member"]["attempts"], attempt]}
    said["link"] = number
    said["generations"][str(number)] = document
    said["good"].insert(0, number)
    said["releases"] = sorted({*said["releases"], shipped.digest})
    said["shared"] = list(wanted.shipment.shared)
    said["supervisor"] = {"running": True, "agent": "a" * 64}
    said["proxy"] = {"running": True, "binary": CADDY, "listen": ":8080", "sites": {"shop-production": "s" * 64}}
    said["processes"] = [
        {
            "generation": number,
            "name": process["name"],
            "instance": i,
            "state": "up",
            "healthy": True,
            "address": f"127.0.0.1:{9000 + i}" if process["listens"] else None,
            "pid": 100 + i,
            "since": 1790000000.0,
            "restarts": 0,
            "wanted": True,
            "exit": None,
        }
        for process in document["processes"]
        for i in range(1, process["instances"] + 1)
    ]


def changed(said: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """A copy of what a host said with some parts replaced; `member={…}` replaces within the part."""
    copied = copy.deepcopy(dict(said))
    for part, value in parts.items():
        copied[part] = {**copied[part], **value} if isinstance(value, Mapping) and isinstance(copied.get(part), dict) else value
    return copied

"""The tools of one command: settled once for all hosts, and refused by name where they cannot run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.cargo import Cargo
from shipway.flows.tools import Tools
from shipway.model.errors import Refused
from shipway.model.facts import HostFacts
from shipway.model.intent import Shipment, Tool
from tests.plan.fleet import facts, fresh, release
from tests.release.mirror import mirror, tar

NODE = tar(("node/bin/node", b"#!/bin/sh\n"), ("node/lib/npm.js", b"npm"))
NOBODY = cast(Fleet, None)
"""Tools are chosen by what hosts have said; none is asked again."""


def of(hosts: dict[str, tuple[str, str]]) -> dict[str, HostFacts]:
    """Hosts by name, each with its platform and its C library."""
    said: dict[str, Any] = {name: fresh(name) for name in hosts}
    found = facts(said)
    return {name: replace(found[name], hello=replace(found[name].hello, platform=hosts[name][0], libc=hosts[name][1])) for name in hosts}


def tools(mirror: str, said: list[str]) -> Tools:
    tell = Tell(lambda event: said.append(str(event.data.get("message", ""))), lambda: 0.0)
    return Tools(Shipment("shop", toolchain=(Tool("node", "22", mirror),)), tell)


def test_each_host_gets_the_one_of_its_platform_and_all_the_same_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with mirror() as site:
        site.files["index.json"] = b'[{"version": "v22.11.0"}]'
        site.node("22.11.0", NODE, "linux-x64")
        sums = site.files["v22.11.0/SHASUMS256.txt"]
        site.node("22.11.0", NODE, "linux-arm64")
        both = [sums, site.files["v22.11.0/SHASUMS256.txt"]]
        site.files["v22.11.0/SHASUMS256.txt"] = b"".join(one for one in both if isinstance(one, bytes))
        said: list[str] = []
        brought = tools(site.url, said)
        hosts = of({"a": ("linux-x86_64", "glibc 2.36"), "b": ("linux-aarch64", "glibc 2.31"), "c": ("linux-x86_64", "glibc 2.36")})
        asyncio.run(brought.for_hosts(NOBODY, hosts))
        assert site.asked.count("index.json") == 1
    assert len(said) == 2, "one archive for each platform"
    assert {name: [(t.platform, t.version) for t in brought.of(name)] for name in hosts} == {
        "a": [("linux-x86_64", "22.11.0")],
        "b": [("linux-aarch64", "22.11.0")],
        "c": [("linux-x86_64", "22.11.0")],
    }
    assert [t.platform for t in brought.equipped(release(1)).tools] == ["linux-x86_64", "linux-aarch64"]
    cargo = Cargo(None, {}, brought.of)
    (tree,) = brought.of("a")
    (listing,) = asyncio.run(cargo.listings("a"))
    assert listing.digest == tree.digest
    wanted = [digest for digest, _, _ in listing.blobs]
    assert list(cargo.read([*wanted, tree.digest]))[:2] == [b"#!/bin/sh\n", b"npm"]
    assert list(cargo.read([tree.digest])) == [listing.data], "its list travels as its files do"


def test_hosts_with_another_c_library_are_named_before_anything_is_fetched() -> None:
    brought = tools("http://127.0.0.1:1", [])
    with pytest.raises(Refused, match="need glibc, and b has another C library") as refused:
        asyncio.run(brought.for_hosts(NOBODY, of({"a": ("linux-x86_64", "glibc 2.36"), "b": ("linux-x86_64", "")})))
    assert refused.value.code == "toolchain"


def test_a_build_host_gets_those_of_its_own_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with mirror() as site:
        site.files["index.json"] = b'[{"version": "v22.11.0"}]'
        site.node("22.11.0", NODE, "linux-arm64")
        brought = tools(site.url, [])
        assert asyncio.run(brought.versions()) == ("node-22.11.0",)
        (tree,) = asyncio.run(brought.on_build_host({"platform": "linux-aarch64", "libc": "glibc 2.36"}))
        assert site.asked.count("index.json") == 1, "settled once"
    assert (tree.platform, tree.version) == ("linux-aarch64", "22.11.0")
    with pytest.raises(Refused, match="the build host has another C library"):
        asyncio.run(brought.on_build_host({"platform": "linux-aarch64", "libc": ""}))


def test_without_a_toolchain_nothing_is_asked() -> None:
    brought = Tools(Shipment("shop"), Tell(lambda event: None, lambda: 0.0))
    asyncio.run(brought.for_hosts(NOBODY, of({"b": ("linux-x86_64", "")})))
    assert asyncio.run(brought.here()) == asyncio.run(brought.on_build_host({"platform": "linux-x86_64", "libc": ""})) == ()
    assert brought.equipped(release(1)) == release(1)

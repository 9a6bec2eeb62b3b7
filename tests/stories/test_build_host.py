"""A build on a host of its own, over a real sshd: what it is sent, what comes back, and what is left when something breaks in the middle.

The application runs on this machine; `plan` builds as `deploy` does, and touches nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import Hosts
from tests.hosts.machine import UID
from tests.stories.project import Project, Said, eventually, local, sample

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(300)]

ROOT = "/home/deploy/.shipway/builds/shop"
BUILD = """
[build]
on = "deploy@{address}"
run = ["echo built >> ~/count", "sh ./make.sh"]
outputs = ["built"]

"""
MAKES = (
    "mkdir built; sort words > built/sorted; cp ~/where built/where; ln -s sorted built/link; cp make.sh built/run; chmod +x built/run\n"
)
WAITS = f"touch ~/begun; until test -e ~/go; do sleep 0.1; done; {MAKES}"


class Shop:
    """The sample application, whose words are sorted by the build host `a`; `count` is how often that was done there."""

    def __init__(self, place: Path, hosts: Hosts) -> None:
        self.hosts = hosts
        self.root = place / "a"
        text, _ = local(place, more="watch_seconds = 0")
        settings = f"{BUILD.format(address=hosts.address('a'))}{text}"
        self.repository = sample(place / "shop", settings, versions={"v0": {}})
        self.project = Project(self.repository, "local", {**hosts.env, "XDG_CACHE_HOME": str(place / "cache")})
        self.cache = place / "cache"
        self.commit("v1", words="b\na\n", make=MAKES)

    def commit(self, tag: str, **files: str) -> None:
        for name, text in files.items():
            self.repository.write("make.sh" if name == "make" else name, text)
        self.repository.commit(f"Version {tag}", tag)

    def plan(self, ref: str, code: int = 0) -> Said:
        return self.project.run("plan", "local", "--ref", ref, "--json", code=code)

    def forget(self) -> None:
        """This machine has no result any more."""
        shutil.rmtree(self.cache)

    def count(self) -> int:
        return self.on_host("cat count").count("built")

    def begun(self) -> bool:
        return "begun" in self.on_host("ls")

    def makers(self) -> list[int]:
        """Commands of builds that run there: this machine's pids."""
        return [pid for pid, line in self.hosts.pids("a").items() if line == "sh ./make.sh"]

    def kill_agents(self) -> None:
        for pid, line in self.hosts.pids("a").items():
            if f"serve --root {ROOT}" in line:
                os.kill(pid, signal.SIGKILL)

    def on_host(self, command: str) -> str:
        return self.hosts.run("a", ["sh", "-c", f"cd ~; {command}"], check=False).stdout.decode()

    def left(self) -> list[str]:
        """What is not finished there."""
        return [name for name in self.on_host(f"ls -A {ROOT}/builds").split() if name.startswith(".")]


def notes(said: Said) -> list[str]:
    return [str(line["data"]["message"]) for line in said.lines if line.get("event") == "note"]


@pytest.fixture(scope="module")
def shop(common_place: Path) -> Iterator[Shop]:
    with Hosts(1) as hosts:
        shop = Shop(common_place, hosts)
        shop.on_host("echo on the build host > where")
        yield shop


def test_it_is_built_there_once_goes_live_and_is_kept_on_both_sides(shop: Shop) -> None:
    first = shop.project.run("deploy", "local", "--ref", "v1")
    assert "$ sh ./make.sh" in first.out
    built = shop.root / "current/release/built"
    assert (built / "sorted").read_text() == "a\nb\n"
    assert (built / "where").read_text() == "on the build host\n"
    assert (built / "link").readlink() == Path("sorted") and (built / "run").stat().st_mode & 0o111
    assert shop.count() == 1

    shop.plan("v1")
    assert shop.count() == 1, "the result is here"
    shop.forget()
    there = shop.plan("v1")
    assert shop.count() == 1, "the result is there"
    assert any("had it built already" in note for note in notes(there))
    assert there.verdict["data"]["plan"]["release"] == shop.project.status()["hosts"][0]["release"]

    shop.commit("v2", words="c\nb\n")
    second = shop.plan("v2")
    assert shop.count() == 2
    (sent,) = [note for note in notes(second) if "was sent" in note]
    assert "sent 1 file " in sent, sent
    assert int(re.sub(r".*\((.*) bytes.*", r"\1", sent).replace(",", "")) < 1000, f"neither the list nor what is there already: {sent}"


def test_what_fails_there_is_told_with_its_last_lines(shop: Shop) -> None:
    shop.commit("fails", make="echo one; echo cannot find the moon >&2; exit 7\n")
    said = shop.plan("fails", code=1)
    assert "ended with 7" in said.verdict["message"] and shop.hosts.address("a") in said.verdict["message"]
    assert "cannot find the moon" in said.verdict["data"]["details"] and said.verdict["data"]["state"] == "nothing was touched"


def test_a_killed_driver_and_a_killed_agent_leave_nothing_that_counts(shop: Shop) -> None:
    shop.on_host("rm -f begun go")
    shop.commit("killed", words="k\n", make=WAITS)
    before = shop.count()
    with shop.project.start("plan", "local", "--ref", "killed") as driver:
        try:
            eventually(shop.begun, "it is being built", 60)
        finally:
            driver.kill()
    eventually(lambda: not shop.makers() and shop.left() == [], "its commands are ended, and its checkout is gone", 60)

    shop.on_host("rm -f begun")
    with shop.project.start("plan", "local", "--ref", "killed") as driver:
        try:
            eventually(shop.begun, "it is being built again", 60)
            shop.on_host("rm -f begun")
            shop.kill_agents()
            eventually(shop.begun, "the link was lost, and it is begun anew over another", 60)
            assert len(shop.makers()) == 1, "what the killed one left was ended first"
            shop.on_host("touch go")
            out, err = driver.communicate(timeout=60)
        finally:
            driver.kill()
    assert driver.returncode == 0, out + err
    assert (shop.count() - before, shop.left()) == (3, [])


def test_content_that_is_damaged_there_is_sent_and_built_again(shop: Shop) -> None:
    shop.on_host(f"for file in $(find {ROOT}/blobs -type f); do chmod u+w $file; truncate -s 1 $file; done")
    shop.forget()
    before = shop.count()
    shop.plan("v2")
    assert shop.count() == before + 1


def test_a_full_disk_there_is_said_before_and_when_it_stops_a_build(shop: Shop) -> None:
    assert [(one["severity"], one["check"]) for one in doctor(shop)] == [("ok", "build-host"), ("ok", "build-host-disk")]
    small = ["mount", "-t", "tmpfs", "-o", f"size=6m,mode=700,uid={UID},gid={UID}", "tmpfs", ROOT]
    shop.hosts.run("a", small, user="root")
    try:
        room, _ = doctor(shop, code=1)
        assert (
            room["severity"] == "wrong" and "and a build of HEAD needs 50 MB at least" in room["what"] and room["next"].startswith("free ")
        )
        (shop.project.directory / "big").write_bytes(os.urandom(6_000_000))
        shop.commit("big")
        said = shop.plan("big", code=3)
        assert "cannot go on with build-host" in said.verdict["message"], said.text
        assert f"free space on deploy@{shop.hosts.address('a')}" in said.verdict["hint"], said.text
        assert shop.on_host(f"ls -A {ROOT}/parcels") == "", "and what had come is gone, for its record must be written"
    finally:
        shop.hosts.run("a", ["umount", "--lazy", ROOT], user="root")
    shop.repository.git("rm", "--quiet", "big")
    shop.commit("small")


def doctor(shop: Shop, code: int = 0) -> list[dict[str, Any]]:
    """What it says of the build host."""
    found = shop.project.run("doctor", "local", "--json", code=code).verdict["data"]["findings"]
    return [one for one in found if one["check"].startswith("build-host")]


def test_while_it_is_away_what_was_built_is_there_and_the_rest_says_who_is_away(shop: Shop) -> None:
    """The last one: nobody logs in there any more."""
    for pid, line in shop.hosts.pids("a").items():
        if "sshd" in line:
            os.kill(pid, signal.SIGKILL)
    shop.plan("v2")
    shop.commit("away", words="z\n", make=MAKES)
    said = shop.plan("away", code=3)
    (finding,) = doctor(shop, code=1)
    assert finding["severity"] == "wrong" and "which builds, cannot be used" in finding["what"] and finding["next"], finding
    assert "cannot reach build-host" in said.verdict["message"] and f"deploy@{shop.hosts.address('a')}" in said.verdict["hint"]

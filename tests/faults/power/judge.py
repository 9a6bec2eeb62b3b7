"""A root as a loss of power left it in, the promises that it breaks out: read by the agent's own code, in a boot of its own."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from shipway_agent import front
from shipway_agent.apply import apply, pointed
from shipway_agent.errors import AgentError
from shipway_agent.itself import CURRENT
from shipway_agent.journal import Journal
from shipway_agent.manifest import read
from shipway_agent.primitives import blobs, generations, trees
from shipway_agent.root import Root
from shipway_agent.states import COMMITTED

BOOT = "SHIPWAY_BOOT_ID"


def judged(place: Path, proxy: Path, old: int | None, new: int, *, told: str | None = None) -> list[str]:
    """What is wrong with a root and its proxy's after a boot. `old` served before and `new` was deployed; `told` is a decision that
    somebody has heard.

    The boot itself takes place here: the journal is opened as by the first of a new boot, and the link made right.
    """
    before = os.environ.get(BOOT)
    os.environ[BOOT] = "the boot after the loss"
    try:
        with Root(str(place)) as root:
            return list(_faults(root, proxy, old, new, told))
    except AgentError as error:
        return [f"{error.code}: {error.message}"]
    finally:
        os.environ.pop(BOOT) if before is None else os.environ.update({BOOT: before})


def _faults(root: Root, proxy: Path, old: int | None, new: int, told: str | None) -> Iterator[str]:
    with Journal(root) as journal:
        journal.verify()
        apply(root, journal)
        member, link = journal.member(), pointed(root)
        stages = {attempt.fence: attempt.stage for attempt in member.attempts}
        if link != member.current:
            yield f"the link is {link}, the record says {member.current}"
        if link not in (old, new):
            yield f"the link is {link}, neither the old one, {old}, nor the new one, {new}"
        if link == new and stages.get(new) != COMMITTED:
            yield f"{new} serves after a boot, and it is {stages.get(new)}"
        if link == old and stages.get(new) == COMMITTED:
            yield f"{new} is committed, and {old} serves"
        if told is not None and stages.get(new) != told:
            yield f"somebody has heard that {new} is {told}, and the record says {stages.get(new)}"
    if link is not None:
        yield from _incomplete(root, link)
        yield from _unstartable(root)
        yield from _closed(root, proxy)


def _incomplete(root: Root, number: int) -> Iterator[str]:
    """What a generation lacks that it needs to serve."""
    document = generations.read(root, number)
    if document is None:
        yield f"generation {number} has no document"
        return
    generations.env_of(root, number)
    release = str(document["release"])
    if root.read_link(f"{generations.place(number)}/{generations.RELEASE}") != f"../../releases/{release}".encode():
        yield f"generation {number} does not lead to its release"
    with root.at(trees.FOLDER) as folder:
        for difference in trees.differences(folder, release, read(blobs.read(root, release))):
            yield f"the release of generation {number} is not exact: {difference}"
    links = set(root.names(f"{generations.place(number)}/{front.FOLDER}"))
    if front.routed(document) is not None and not {str(slot) for slot in range(1, generations.SLOTS + 1)} <= links:
        yield f"the front of generation {number} has {sorted(links)}"


def _unstartable(root: Root) -> Iterator[str]:
    """What an init starts must be there whole."""
    agent = root.read_link(CURRENT)
    if agent is None:
        yield f"{CURRENT} is not there"
        return
    name = os.fsdecode(agent)
    if hashlib.blake2b(root.read(f"agent/{name}"), digest_size=32).hexdigest() != name.partition(".")[0]:
        yield f"agent/{name} is not what its name says"


def _closed(root: Root, path: Path) -> Iterator[str]:
    """What the front door lacks: the record of the proxy's root, its program, its routes."""
    with Root(str(path)) as proxy, Journal(proxy) as journal:
        number = journal.member().current
        document = generations.read(proxy, number) if number is not None else None
        if document is None:
            yield "the proxy has nothing to run"
        elif not (program := proxy.stat(f"releases/{document['release']}/caddy")) or not program.st_size:
            yield "the proxy's program is gone"
        if not json.loads(proxy.read("caddy.json"))["apps"]:
            yield f"the proxy of {root.path} has no routes"

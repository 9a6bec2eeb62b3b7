"""A [build] with a host of its own in, what makes its outputs out: sent what it lacks of the commit, and asked to build.

It needs sshd and python3, as a host does; neither git nor anything else of ours is installed there (decision 0032).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, wait
from pathlib import Path
from threading import Event
from typing import Any

from shipway.execute.build import build_on
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.bases import Bases
from shipway.flows.cargo import Cargo
from shipway.flows.tools import Tools
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError, HostRefused
from shipway.model.intent import Host, Intent
from shipway.release.blobs import BlobSource
from shipway.release.build import CommandFailed, Elsewhere
from shipway.release.release import Made
from shipway.release.source import Repository
from shipway.transports import transport_for

NAME = "build-host"
"""What it is called in what people read: it is no member of anything."""

FAILED = ("build-failed", "build-outputs")
LOOK_SECONDS = 0.2


def build_host(repository: Repository, intent: Intent, tools: Tools, tell: Tell, on_line: Callable[[str], None], stop: Event) -> Elsewhere:
    """For a thread beside the running loop. Setting `stop` ends the build there. Raises Refused where the host cannot be used."""
    loop = asyncio.get_running_loop()

    def elsewhere(checkout: BlobSource, inputs: str, into: Path, places: Mapping[str, str]) -> None:
        building = asyncio.run_coroutine_threadsafe(_build(repository, intent, tools, tell, on_line, checkout, inputs, into, places), loop)
        while not wait([building], LOOK_SECONDS).done:
            if stop.is_set():
                building.cancel()
        try:
            building.result()
        except CancelledError:
            raise CommandFailed("the build was stopped") from None

    return elsewhere


async def _build(
    repository: Repository,
    intent: Intent,
    tools: Tools,
    tell: Tell,
    on_line: Callable[[str], None],
    checkout: BlobSource,
    inputs: str,
    into: Path,
    places: Mapping[str, str],
) -> None:
    declared = intent.shipment.build
    host = Host(NAME, declared.on, root=f"~/.shipway/builds/{intent.app}")
    quiet = _Quiet(tell, declared.on)
    async with Fleet([host], app=intent.app, environment=intent.environment.name, transport_for=transport_for, tell=quiet.heard) as fleet:
        try:
            there = await fleet.call(NAME, "builds")
            trees = await tools.on_build_host(there)
            made, last = Made(checkout.release, checkout), there["last"]
            bases = Bases(repository, made, intent.subdirectory)
            bases.know(fleet, NAME, str(last.get("manifest", "")), str(last.get("commit", "")))
            args = {
                "inputs": inputs,
                "manifest": checkout.release.digest,
                "commit": checkout.release.source.commit,
                "run": declared.run,
                "outputs": declared.outputs,
                "env": dict(declared.env),
                "timeout_seconds": declared.timeout_seconds,
                "tools": [{"place": tree.place, "manifest": tree.digest} for tree in trees],
            }
            cargo = Cargo(made, {}, lambda _: trees, bases)
            reused = await build_on(fleet, NAME, cargo, args, into, places, quiet.tell, on_line)
        except HostRefused as error:
            if error.code in FAILED:
                raise CommandFailed(f"{error.message}, on {declared.on}", error.lines) from None
            raise unreachable({NAME: error}, fleet) from error
        except HostError as error:
            raise unreachable({NAME: error}, fleet) from error
    tell("note", message=f"{declared.on} had it built already" if reused else f"built on {declared.on}, which was {quiet.sent}")


class _Quiet:
    """What it tells is no event of a member: waits and lost links become notes, and what was sent is remembered."""

    def __init__(self, tell: Tell, address: str) -> None:
        self._tell = tell
        self._address = address
        self.sent = "sent nothing"
        self.tell = Tell(lambda event: self.heard(event.kind, **event.data), lambda: 0.0)

    def heard(self, kind: str, /, **data: Any) -> None:
        if kind == "shipped":
            count = "1 file" if data["blobs"] == 1 else f"{data['blobs']} files"
            self.sent = f"sent {count} ({data['sent']:,} bytes on the wire)"
        elif kind == "waiting":
            self._tell("note", message=f"{self._address}: waiting for {data['what']}, at most {data['bound_seconds']:.0f} s")
        elif kind == "lost":
            self._tell("note", message=f"{self._address}: the link is lost ({data['reason']}); {data['will']}")

"""A [build] with a host of its own in, what makes its outputs out: sent what it lacks of the commit, and asked to build.

It needs sshd and python3, as a host does; neither git nor anything else of ours is installed there (decision 0032).
"""

from __future__ import annotations

import asyncio
import re
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
from shipway.flows.hints import hint
from shipway.flows.tools import Tools
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError, HostRefused, ShipwayError
from shipway.model.finding import Finding
from shipway.model.intent import Host, Intent
from shipway.model.release import Source
from shipway.plan.checks.build_host import CHECK, BuildHost, build_host_findings
from shipway.plan.checks.errors import of_host
from shipway.release.blobs import BlobSource
from shipway.release.build import HERE, CommandFailed, Elsewhere
from shipway.release.release import Made, commit_size
from shipway.release.source import Repository
from shipway.transports import transport_for
from shipway_agent.record import replace

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


async def look_at_build_host(repository: Repository, intent: Intent, source: Source, tell: Tell) -> list[Finding]:
    """What `doctor` says of the one that builds: none where this machine does. Nothing is built."""
    declared = intent.shipment.build
    if declared.on == HERE or not declared.run:
        return []
    host, again = _host(intent), f"shipway doctor {intent.environment.name}"
    quiet = _Quiet(tell, declared.on)
    async with _fleet(intent, host, quiet) as fleet:
        try:
            said = await fleet.call(NAME, "builds")
            inodes = int(said["free_inodes"])
            there = BuildHost(
                declared.on,
                str(said["platform"]),
                str(said["python"]),
                str(said["root"]),
                int(said["free_bytes"]),
                inodes if inodes >= 0 else None,
            )
        except HostError as error:
            advice = hint(error.code, environment=intent.environment.name, host=NAME, address=declared.on)
            return [
                replace(of_host(CHECK, error, advice, again), host="", what=f"{declared.on}, which builds, cannot be used: {error.message}")
            ]
        except (KeyError, TypeError, ValueError) as error:
            return [Finding(CHECK, "wrong", f"{declared.on}, which builds, answers what cannot be read: {error!r}", next=again)]
    try:
        size, files = await asyncio.to_thread(commit_size, repository, source, intent)
    except ShipwayError:
        size, files = 0, 0  # why HEAD cannot be shipped is another finding
    return list(build_host_findings(there, size, files, again))


def reach_build_host(intent: Intent, tell: Tell) -> Fleet:
    """The host that built what is shipped, which then gives it to the others."""
    return _fleet(intent, _host(intent), _Quiet(tell, intent.shipment.build.on))


def _host(intent: Intent) -> Host:
    return Host(NAME, intent.shipment.build.on, root=f"~/.shipway/builds/{intent.app}")


def _fleet(intent: Intent, host: Host, quiet: _Quiet) -> Fleet:
    return Fleet([host], app=intent.app, environment=intent.environment.name, transport_for=transport_for, tell=quiet.heard)


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
    quiet = _Quiet(tell, declared.on)
    async with _fleet(intent, _host(intent), quiet) as fleet:
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
            raise _unusable(error, fleet, declared.on) from error
        except HostError as error:
            raise _unusable(error, fleet, declared.on) from error
    tell("note", message=f"{declared.on} had it built already" if reused else f"built on {declared.on}, which was {quiet.sent}")


def _unusable(error: HostError, fleet: Fleet, address: str) -> ShipwayError:
    """In shipway.toml it has no name: what is to be done there is said with its address."""
    refused = unreachable({NAME: error}, fleet)
    refused.hint = re.sub(rf"\b{NAME}\b", lambda _: address, refused.hint)
    return refused


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

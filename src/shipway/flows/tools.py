"""A [toolchain] in, the tools that the hosts and this machine's build need out: each version settled once a command."""

from __future__ import annotations

import asyncio
import platform as machine
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.in_thread import in_thread
from shipway.model.errors import Refused
from shipway.model.facts import HostFacts
from shipway.model.intent import Shipment, Tool
from shipway.model.release import Release, ToolTree
from shipway.release.toolchain.resolved import Resolved
from shipway_agent.record import replace

T = TypeVar("T")

GLIBC = "glibc"
HERE = f"{sys.platform}-{machine.machine()}"


class Tools:
    """The tools of one command. Nothing is asked or fetched where the shipment has no [toolchain]."""

    def __init__(self, shipment: Shipment, tell: Tell) -> None:
        self._wanted = shipment.toolchain
        self._tell = tell
        self._resolved: tuple[Resolved, ...] | None = None
        self._trees: dict[tuple[str, str], ToolTree] = {}
        self._platforms: dict[str, str] = {}

    async def here(self) -> tuple[ToolTree, ...]:
        """Those for this machine, for a build. Raises Refused (code "toolchain")."""
        return await self._bring([HERE])

    async def for_hosts(self, fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
        """Have those for every host at hand. Raises Refused (code "toolchain") naming hosts that they cannot run on."""
        if not self._wanted:
            return
        _refuse_other_libraries({name: (fact.hello.platform, fact.hello.libc) for name, fact in facts.items()})
        self._platforms = {name: fact.hello.platform for name, fact in facts.items()}
        await self._bring(dict.fromkeys(self._platforms.values()))

    async def on_build_host(self, hello: Mapping[str, Any]) -> tuple[ToolTree, ...]:
        """Those for a build host that answered with `hello`. Raises Refused (code "toolchain")."""
        if self._wanted:
            _refuse_other_libraries({"the build host": (str(hello.get("platform")), str(hello.get("libc")))})
        return await self._bring([str(hello.get("platform"))])

    async def versions(self) -> tuple[str, ...]:
        """Each tool and its exact version, wherever it is to run. Raises Refused."""
        return tuple(f"{tool.name}-{tool.version}" for tool in await self._settled())

    def equipped(self, release: Release) -> Release:
        """The release with the tools that are at hand."""
        return replace(release, tools=tuple(self._trees.values())) if self._trees else release

    def of(self, host: str) -> tuple[ToolTree, ...]:
        """Those for one of the hosts that they were brought for."""
        return tuple(tree for tree in self._trees.values() if tree.platform == self._platforms.get(host))

    async def _bring(self, platforms: Iterable[str]) -> tuple[ToolTree, ...]:
        if not self._wanted:
            return ()
        brought = []
        for platform in platforms:
            for tool in await self._settled():
                key = (platform, tool.name)
                if key not in self._trees:
                    from shipway.release.toolchain import store  # brings archives and HTTP along

                    self._trees[key] = await _fetched(partial(store.bring, tool, platform, self._fetching()))
                brought.append(self._trees[key])
        return tuple(brought)

    async def _settled(self) -> tuple[Resolved, ...]:
        if self._resolved is None:
            self._resolved = tuple([await _fetched(partial(_resolved, tool)) for tool in self._wanted])
        return self._resolved

    def _fetching(self) -> Callable[[str], None]:
        """Says what is fetched, from whichever thread that is done in."""
        loop = asyncio.get_running_loop()

        def say(url: str) -> None:
            loop.call_soon_threadsafe(lambda: self._tell("note", message=f"fetches {url}"))

        return say


def programs(trees: Iterable[ToolTree]) -> tuple[Path, ...]:
    """The directories of their programs on this machine, as PATH has them."""
    from shipway.release.toolchain import store

    return tuple(store.programs(tree) for tree in trees)


def _refuse_other_libraries(hosts: Mapping[str, tuple[str, str]]) -> None:
    """`hosts` have their platform and C library."""
    odd = [name for name, (platform, libc) in sorted(hosts.items()) if platform.startswith("linux") and GLIBC not in libc]
    if odd:
        raise Refused(
            f"the tools of [toolchain] need glibc, and {', '.join(odd)} {'has' if len(odd) == 1 else 'have'} another C library",
            state="nothing was touched",
            hint="install the language there yourself, and take [toolchain] out of shipway.toml; commit",
            code="toolchain",
        )


def _resolved(tool: Tool, stop: Event) -> Resolved:
    from shipway.release.toolchain import store

    return store.resolve(tool)


async def _fetched(work: Callable[[Event], T]) -> T:
    """An interruption ends a fetch that is under way."""
    stop = Event()
    return await in_thread(partial(work, stop), stop)

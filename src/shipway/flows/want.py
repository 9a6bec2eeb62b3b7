"""A project and what was typed in, what is wanted and the release that is it out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path

from shipway.config.secrets.folder import place_of
from shipway.execute.telling import Tell
from shipway.flows.authority import with_authority
from shipway.flows.in_thread import in_thread
from shipway.flows.project import Project
from shipway.flows.remembered import resolved
from shipway.flows.sealed import sealed_at, variables
from shipway.flows.tools import Tools, programs
from shipway.flows.values import with_values
from shipway.model.intent import Intent
from shipway.model.release import Source
from shipway.release.build import HERE, Elsewhere
from shipway.release.checks import check_requires
from shipway.release.refs import resolve_ref
from shipway.release.release import Made, make_release
from shipway.release.standing import standing
from shipway_agent.record import dataclass, replace


@dataclass(frozen=True, slots=True)
class Wanted:
    """The intent, and the commit that it is about, resolved once. `named` when the commit was named by --ref.

    `sealed` are the encrypted secrets of the environment at HEAD, by file.
    """

    intent: Intent
    source: Source
    named: bool
    sealed: Mapping[str, bytes]


def want(project: Project, environment: str | None, ref: str | None) -> Wanted:
    """Hosts, settings and secrets from HEAD, processes and tasks from the shipped commit. Raises WrongInput, Refused."""
    name = project.environment(environment)
    source = project.source if ref is None else resolve_ref(project.repository, ref, beside=project.place.file)
    shipped = project.repository.read_file(source.commit, project.place.file)
    sealed = sealed_at(project, name)
    intent = resolved(
        project.head,
        shipped,
        name,
        directory=project.place.directory,
        name=project.place.file,
        commit=source.commit if ref else "",
        sealed=variables(sealed),
    )
    return Wanted(with_authority(project, intent), source, ref is not None, sealed)


async def filled(project: Project, wanted: Wanted, tell: Tell) -> Wanted:
    """The same with every value in place that the intent only refers to. Raises WrongInput naming all that cannot be had."""
    return replace(wanted, intent=await with_values(wanted.intent, project.directory, tell, wanted.sealed))


async def make(project: Project, wanted: Wanted, tell: Tell, tools: Tools | None = None) -> Made:
    """Pass the requirements of the environment, then read and build the commit, with the tools that hosts get.

    An interruption ends a running build, here or on a build host.
    """
    tools = tools or Tools(wanted.intent.shipment, tell)
    declared = wanted.intent.shipment.build
    elsewhere = declared.on != HERE and bool(declared.run)
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    own: tuple[Path, ...] = ()
    if elsewhere:
        own = tuple(map(Path, await tools.versions()))
    elif declared.run:
        own = programs(await tools.here())

    def on_line(line: str) -> None:
        loop.call_soon_threadsafe(lambda: tell("output", key="build", line=line))

    there: Elsewhere | None = None
    if elsewhere:
        from shipway.flows.build_host import build_host  # few build anywhere but here

        there = build_host(project.repository, wanted.intent, tools, tell, lambda line: tell("output", key="build", line=line), stop)

    def work() -> Made:
        where = "" if wanted.named else standing(project.repository).sentence
        if where:
            loop.call_soon_threadsafe(lambda: tell("note", message=f"{where}; what is shipped is HEAD here"))
        check_requires(
            project.repository,
            wanted.source,
            wanted.intent.environment.requires,
            on_line,
            subdirectory=wanted.intent.subdirectory,
            paths=(project.place.file, place_of(project.place.directory, wanted.intent.environment.name)),
            chosen=wanted.named,
            stop=stop,
        )
        return make_release(project.repository, wanted.source, wanted.intent, on_line, stop=stop, tools=own, elsewhere=there)

    return await in_thread(work, stop)

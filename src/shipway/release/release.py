"""A repository, a commit and an Intent in, a Release out: the same digest for the same commit and build on every machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event

from shipway.cache import cache_directory
from shipway.model.intent import Intent, Shipment
from shipway.model.release import Entry, Release, Source
from shipway.release.blobs import BlobSource
from shipway.release.build import Built, Elsewhere, build, platform_name
from shipway.release.links import stray
from shipway.release.refs import version_of
from shipway.release.remembered import Contents
from shipway.release.source import Repository, refused
from shipway.release.tree import Faults, Tree, check_names, read_tree, shown
from shipway_agent import manifest
from shipway_agent.record import dataclass, replace


@dataclass(frozen=True, slots=True)
class Made:
    """A release, and where its contents can be read. `reused` says whether an earlier build was taken."""

    release: Release
    blobs: BlobSource
    reused: bool = False


def make_release(
    repository: Repository,
    commit: Source,
    intent: Intent,
    on_line: Callable[[str], None],
    *,
    cache: Path | None = None,
    stop: Event | None = None,
    tools: tuple[Path, ...] = (),
    elsewhere: Elsewhere | None = None,
) -> Made:
    """Read the commit, build it where it is to be built, and name the result. `on_line` gets the build's output.

    Nothing in the operator's checkout, index or refs changes. Raises Refused for what cannot be shipped, Failed for a build
    that fails, each naming everything at once. Setting `stop` ends a running build. `tools` come first in the build's PATH. With
    `elsewhere` a build runs there and not on this machine.
    """
    tree = read_tree(repository, commit.commit, intent.subdirectory, Contents(cache or cache_directory()))
    source = replace(commit, tree=tree.oid)
    built = _built(repository, source, tree, intent.shipment, on_line, cache, stop, tools, elsewhere)
    entries = _joined(tree, built, intent.shipment)
    _check(entries, intent.shipment, source)
    release = _release(source, entries, {**tree.blobs, **built.places})
    where = f"local {platform_name()}" if elsewhere is None else intent.shipment.build.on
    release = replace(release, version=version_of(repository, commit.commit), builder=where if built.entries else "")
    return Made(release, BlobSource(repository, release, tree.held), built.reused)


def commit_size(repository: Repository, commit: Source, intent: Intent) -> tuple[int, int]:
    """Bytes and files of what a build is given. Raises Refused for a commit that cannot be shipped."""
    tree = read_tree(repository, commit.commit, intent.subdirectory, Contents(cache_directory()))
    files = [entry for entry in tree.entries if entry.digest]
    return sum(entry.size for entry in files), len(files)


def _built(
    repository: Repository,
    source: Source,
    tree: Tree,
    shipment: Shipment,
    on_line: Callable[[str], None],
    cache: Path | None,
    stop: Event | None,
    tools: tuple[Path, ...],
    elsewhere: Elsewhere | None,
) -> Built:
    if not shipment.build.run:
        return Built((), {}, reused=False)
    checkout = BlobSource(repository, _release(source, tree.entries, tree.blobs), tree.held)
    return build(repository, checkout, tree.inputs, shipment.build, on_line, cache=cache, stop=stop, tools=tools, elsewhere=elsewhere)


def _joined(tree: Tree, built: Built, shipment: Shipment) -> tuple[Entry, ...]:
    """What was built takes the place of what the commit has at an output; shared paths and what tasks write are links of the host."""
    outputs = shipment.build.outputs if built.entries else ()
    kept = [entry for entry in tree.entries if not any(_at_or_below(entry.path, output) for output in outputs)]
    made = [Entry(path, "shared") for path in shipment.shared]
    made += [Entry(path, "output") for task in shipment.tasks for path in task.outputs]
    return tuple(sorted([*kept, *built.entries, *made], key=lambda entry: os.fsencode(entry.path)))


def _release(source: Source, entries: tuple[Entry, ...], blobs: dict[str, str]) -> Release:
    size = sum({entry.digest: entry.size for entry in entries if entry.digest}.values())
    wanted = {entry.digest: blobs[entry.digest] for entry in entries if entry.digest}
    return Release(manifest.digest(manifest.write(entries)), "", source, entries, wanted, "", size)


def _check(entries: tuple[Entry, ...], shipment: Shipment, source: Source) -> None:
    """What would be wrong on every host is refused here."""
    _check_shadows(entries, source)
    _check_directories(entries, shipment, source)
    faults = Faults()
    check_names([entry.path for entry in entries], faults)
    for entry, why in stray(entries):
        faults.add("link", entry.path, f"is a link to {shown(entry.target)}, which {why}")
    faults.settle(source.commit)


def _check_shadows(entries: tuple[Entry, ...], source: Source) -> None:
    """Whatever lies at, below or above a path that the host links would hide what outlives releases, or be hidden by it."""
    linked = {entry.path: entry.kind for entry in entries if entry.kind in ("shared", "output")}
    lines = []
    for entry in entries:
        if entry.path in linked and entry.kind == linked[entry.path]:
            continue
        for path, kind in linked.items():
            if _at_or_below(entry.path, path) or _at_or_below(path, entry.path):
                name = "shared" if kind == "shared" else "a task's output"
                lines.append(f"{shown(entry.path)}: is in the release, and {path} is declared as {name}")
    if lines:
        raise refused(
            "shadowed",
            f"commit {source.commit[:12]} holds {len(lines)} paths that hosts keep outside of releases",
            "Remove them from the commit (`git rm --cached`), or remove the path from shipway.toml.",
            tuple(lines[:50]),
        )


def _check_directories(entries: tuple[Entry, ...], shipment: Shipment, source: Source) -> None:
    """Directories that shipway.toml names must be there, unless a host makes them."""
    directories = {parent for entry in entries for parent in _parents(entry.path)}
    made = [entry.path for entry in entries if entry.kind in ("shared", "output", "link")]
    named = [(f"process.{process.name}.directory", process.directory) for process in shipment.processes]
    named += [(f"the directory of task {task.name}", task.directory) for task in shipment.ending]
    named += [("static", shipment.static)] if shipment.static is not None else []
    named += [("assets", path) for path in shipment.assets]
    lines = [
        f"{name}: {path} is not a directory of the release"
        for name, path in named
        if path != "." and path not in directories and not any(_at_or_below(path, one) for one in made)
    ]
    if lines:
        raise refused(
            "directory",
            f"shipway.toml of commit {source.commit[:12]} names directories that the release does not have",
            "Correct shipway.toml, or commit or build what is missing.",
            tuple(lines),
        )


def _at_or_below(path: str, other: str) -> bool:
    return path == other or path.startswith(other + "/")


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]

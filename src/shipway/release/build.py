"""A tree and its build section in, the declared outputs out: made once, in a clean checkout, and kept by the digest of the inputs."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Literal, TypeAlias

from shipway.cache import cache_directory
from shipway.model.errors import Failed
from shipway.model.intent import Build
from shipway.model.release import Entry
from shipway.release.blobs import BlobSource
from shipway.release.checkout import check_out, working_directory
from shipway.release.command import Ending, run, text_of
from shipway.release.content import chunks_of, digest_of
from shipway.release.ignored import mentioned
from shipway.release.source import UNTOUCHED, Repository
from shipway.release.tree import Faults, check_names
from shipway_agent import manifest
from shipway_agent.errors import AgentError
from shipway_agent.inherited import build_environment
from shipway_agent.record import dataclass

FORMAT = 1
UNUSED_SECONDS = 30 * 86400

NEWEST = 4
"""So many results are looked through for what a build host need not send again."""

_KINDS: Mapping[str, Literal["file", "executable", "link"]] = {"file": "file", "executable": "executable", "link": "link"}

HERE = "local"


class CommandFailed(Exception):
    """A build elsewhere that ended as it should not have: what happened, and the last lines of its output."""

    def __init__(self, message: str, lines: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.lines = lines


Elsewhere: TypeAlias = Callable[[BlobSource, str, Path, Mapping[str, str]], None]
"""Builds on another machine: checkout, digest of the inputs, and the directory that the outputs are put into; beside them, where what

earlier builds made is here, by digest, so that it need not come again. Raises CommandFailed."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made. `places` maps the digest of a content to the file that holds it."""

    entries: tuple[Entry, ...]
    places: dict[str, str]
    reused: bool


def build(
    repository: Repository,
    checkout: BlobSource,
    tree: str,
    declared: Build,
    on_line: Callable[[str], None],
    *,
    cache: Path | None = None,
    stop: Event | None = None,
    tools: tuple[Path, ...] = (),
    elsewhere: Elsewhere | None = None,
) -> Built:
    """The outputs, from an earlier build of the same inputs where there is one. Raises Failed with the last lines, Refused.

    A build host is asked only where this machine has no result of the same inputs.
    """
    store = (cache or cache_directory()) / "builds"
    inputs = inputs_digest(tree, declared, tools)
    kept = store / inputs
    found = _read(kept)
    if found is not None:
        os.utime(kept)
        return found
    with working_directory(store) as work:
        (work / "tree").mkdir()
        if elsewhere is None:
            check_out(checkout, work / "tree")
            _run_all(repository, declared, work, on_line, stop, tools)
        else:
            _fetch(repository, elsewhere, checkout, inputs, work, _places(store))
        made = _collect(declared, work)
        _forget_unused(store, work)
        _keep(made, declared, work, kept)
    found = _read(kept)
    if found is None:
        raise _failed(
            "what was built is damaged before it could be used", "Look at the disk that holds the cache, then type the command again."
        )
    return Built(found.entries, found.places, reused=False)


def platform_name() -> str:
    """What machine code built here runs on, such as linux-x86_64."""
    return f"{sys.platform}-{platform.machine()}"


def inputs_digest(tree: str, declared: Build, tools: tuple[Path, ...] = ()) -> str:
    """The name of everything that a build depends on: the tree of the commit, how it is built, with which tools, where it runs."""
    place = platform_name() if declared.on == HERE else declared.on
    inputs = [FORMAT, tree, declared.run, declared.outputs, dict(declared.env), place]
    inputs += [[str(path) for path in tools]] if tools else []
    return manifest.digest(json.dumps(inputs, sort_keys=True).encode())


def _run_all(
    repository: Repository, declared: Build, work: Path, on_line: Callable[[str], None], stop: Event | None, tools: tuple[Path, ...]
) -> None:
    environment = build_environment(os.environ, declared.env, str(work), [str(path) for path in tools])
    for command in declared.run:
        on_line(f"$ {text_of(command)}")
        ending = run(
            command, directory=work / "tree", environment=environment, timeout_seconds=declared.timeout_seconds, on_line=on_line, stop=stop
        )
        if ending.code != 0:
            raise _failed(_how(text_of(command), ending, declared), _hint(repository, ending.lines), ending.lines)


def _fetch(repository: Repository, elsewhere: Elsewhere, checkout: BlobSource, inputs: str, work: Path, places: Mapping[str, str]) -> None:
    try:
        elsewhere(checkout, inputs, work / "tree", places)
    except CommandFailed as error:
        raise _failed(error.message, _hint(repository, error.lines), error.lines) from None


def _how(command: str, ending: Ending, declared: Build) -> str:
    if ending.stopped:
        return f"the build was stopped in `{command}`"
    if ending.code is None:
        return f"the build command `{command}` took longer than {declared.timeout_seconds:g} s and was ended"
    if ending.code < 0:
        return f"the build command `{command}` was ended by signal {-ending.code}"
    return f"the build command `{command}` ended with {ending.code}"


def _hint(repository: Repository, lines: tuple[str, ...]) -> str:
    needed = mentioned(repository, lines)
    if not needed:
        return "Correct what its last lines say, commit, and type the command again."
    return (
        f"Its last lines name {', '.join(needed)}, which your checkout has and git does not: a build sees only what is committed. "
        "Commit it, make it in the build, or give it as [build] env."
    )


def _failed(message: str, hint: str, details: tuple[str, ...] = ()) -> Failed:
    return Failed(message, state=UNTOUCHED, hint=hint, code="build", details=details)


def _collect(declared: Build, work: Path) -> list[Entry]:
    entries: list[Entry] = []
    odd: list[str] = []
    for output in declared.outputs:
        found = list(_entries(work / "tree", output, odd))
        if not found:
            odd.append(f"{output}: is declared as an output, and the commands made nothing there")
        entries += found
    faults = Faults()
    check_names([entry.path for entry in entries], faults)
    odd += [line for _, line in faults.found]
    if odd:
        raise _failed("the build made what cannot be shipped", "Correct `outputs` or the commands, and commit.", tuple(odd[:50]))
    return entries


def _entries(tree: Path, path: str, odd: list[str]) -> Iterator[Entry]:
    """Everything below an output; links are never followed."""
    place = tree / path
    try:
        status = place.lstat()
    except OSError:
        return
    if stat.S_ISDIR(status.st_mode):
        for below in sorted(place.iterdir()):
            yield from _entries(tree, f"{path}/{below.name}", odd)
    elif stat.S_ISLNK(status.st_mode):
        yield Entry(path, "link", target=str(place.readlink()))
    elif stat.S_ISREG(status.st_mode):
        executable = bool(status.st_mode & stat.S_IXUSR)
        yield Entry(path, "executable" if executable else "file", digest_of(chunks_of(place)), status.st_size)
    else:
        odd.append(f"{ascii(path)[1:-1]}: is neither a file, a directory nor a link")


def _keep(made: list[Entry], declared: Build, work: Path, kept: Path) -> None:
    """Written aside and renamed, so that a build is in the store whole or not at all."""
    aside = work / "kept"
    for output in declared.outputs:
        (aside / "outputs" / output).parent.mkdir(parents=True, exist_ok=True)
        (work / "tree" / output).rename(aside / "outputs" / output)
    (aside / "manifest").write_bytes(manifest.write(made))
    try:
        aside.rename(kept)
    except OSError:
        # Another driver was faster, or what is there is damaged.
        if _read(kept) is None:
            kept.rename(work / "damaged")
            aside.rename(kept)


def _places(store: Path) -> dict[str, str]:
    """Where contents of the newest results should be, by digest; whoever uses one reads it again."""
    results = sorted((kept for kept in store.iterdir() if not kept.name.startswith(".")), key=lambda kept: kept.lstat().st_mtime)
    found: dict[str, str] = {}
    for kept in results[-NEWEST:]:
        with contextlib.suppress(OSError, AgentError):
            entries = manifest.read((kept / "manifest").read_bytes())
            found |= {entry.digest: str(kept / "outputs" / os.fsdecode(entry.path)) for entry in entries if entry.is_file}
    return found


def _read(kept: Path) -> Built | None:
    """A build from the store, when every byte of it is still what was built."""
    try:
        entries = manifest.read((kept / "manifest").read_bytes())
    except (OSError, AgentError):
        return None
    found: list[Entry] = []
    places: dict[str, str] = {}
    for entry in entries:
        path = os.fsdecode(entry.path)
        place = kept / "outputs" / path
        try:
            if entry.is_file and digest_of(chunks_of(place)) != entry.digest:
                return None
        except OSError:
            return None
        if entry.is_file:
            places[entry.digest] = str(place)
        found.append(Entry(path, _KINDS[entry.kind], entry.digest, entry.size, os.fsdecode(entry.target)))
    return Built(tuple(found), places, reused=True)


def _forget_unused(store: Path, work: Path) -> None:
    for kept in store.iterdir():
        if not kept.name.startswith(".") and kept.lstat().st_mtime < time.time() - UNUSED_SECONDS:
            kept.rename(work / f"unused-{kept.name}")

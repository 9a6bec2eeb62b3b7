"""A checkout and some paths in, what no commit has of them out: modified, staged and untracked files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from shipway.model.errors import Refused
from shipway.release.git import Git
from shipway.release.large_files import read_pointer
from shipway.release.source import Repository, refused
from shipway_agent.record import dataclass

OURS = ".shipway"
"""Reports are written there; it never counts."""


@dataclass(frozen=True, slots=True)
class Dirt:
    """One file that differs from HEAD. `what` is how: modified, deleted, staged, staged and modified, untracked, unmerged."""

    path: str
    what: str


def dirt(repository: Repository, paths: Sequence[str]) -> tuple[Dirt, ...]:
    """Everything at or below `paths` (from the top of the repository; "." is all) that a deployment would not ship.

    Ignored files do not count. Neither hooks nor filters run, and the index is only read. A bare repository has none.
    """
    if repository.bare:
        return ()
    git = _without_filters(repository)
    # `git status` looks again at files whose times changed, in memory only; the plumbing below it would have to write the index for that.
    listed = git.ask(
        *("status", "--porcelain=v2", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=dirty"),
        *_only(paths),
    )
    found = [one for one in _parse(listed) if OURS not in one.path.split("/") and not _unchanged_large_file(repository, git, one)]
    for module in _modules(repository, git, paths):
        found += [Dirt(f"{module.top.relative_to(repository.top)}/{one.path}", one.what) for one in dirt(module, (".",))]
    return tuple(sorted(found, key=lambda one: os.fsencode(one.path)))


def _only(paths: Sequence[str]) -> tuple[str, ...]:
    return () if "." in paths else ("--", *paths)


def _without_filters(repository: Repository) -> Git:
    """A filter is a command that the repository's settings name: each that is set is unset for us."""
    code, out = repository.git.run("config", "-z", "--name-only", "--get-regexp", r"^filter\.", answers=(0, 1))
    names = {os.fsdecode(key).removeprefix("filter.").rpartition(".")[0] for key in out.split(b"\0")[:-1]} if code == 0 else set()
    if any("=" in name or "\n" in name for name in names):
        raise refused("filter", f"the repository {repository.top} names a filter that cannot be turned off", "Look at `git config -l`.")
    off = [f"filter.{name}.{key}" for name in sorted(names) for key in ("clean=", "smudge=", "process=", "required=false")]
    return Git(repository.git.where, (*repository.git.settings, *off))


def _parse(listed: bytes) -> Iterator[Dirt]:
    for record in listed.split(b"\0"):
        kind, _, rest = record.partition(b" ")
        if kind == b"?":
            yield Dirt(os.fsdecode(rest), "untracked")
        elif kind == b"u":
            yield Dirt(os.fsdecode(rest.split(b" ", 9)[9]), "unmerged")
        elif kind == b"1":
            states, *_, path = rest.split(b" ", 7)
            yield Dirt(os.fsdecode(path), _what(states[:1], states[1:2]))


def _what(index: bytes, checkout: bytes) -> str:
    changed = {b".": "", b"D": "deleted"}.get(checkout, "modified")
    if index == b".":
        return changed
    return f"staged and {changed}" if changed else "staged"


def _unchanged_large_file(repository: Repository, git: Git, one: Dirt) -> bool:
    """A file of Git LFS that was only touched looks changed when its filter does not run: its content is compared instead."""
    if one.what != "modified":
        return False
    record = git.ask("ls-files", "--stage", "-z", "--", one.path).split(b"\0")[0].split(b" ")
    if len(record) < 3 or record[0] not in (b"100644", b"100755"):
        return False
    oid = record[1].decode("ascii")
    if int(git.word("cat-file", "-s", oid)) > 1024:
        return False
    (content,) = [blob.content() for blob in git.blobs([oid])]
    pointer = read_pointer(content)
    return pointer is not None and pointer.describes(repository.top / one.path)


def _modules(repository: Repository, git: Git, paths: Sequence[str]) -> Iterator[Repository]:
    """Submodules that are checked out below the paths."""
    listed = git.ask("ls-files", "--stage", "-z", *_only(paths))
    for record in listed.split(b"\0")[:-1]:
        facts, _, path = record.partition(b"\t")
        place = repository.top / os.fsdecode(path)
        if facts.startswith(b"160000") and os.path.lexists(place / ".git") and _inside(place, repository.top):
            try:
                yield Repository.open(place)
            except Refused:
                continue  # what git cannot read there is not shipped from there either


def _inside(place: Path, top: Path) -> bool:
    return place.resolve() == place and place.is_relative_to(top)

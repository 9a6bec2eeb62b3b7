"""What an environment requires and a commit in, nothing or one refusal with every unmet requirement out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

from shipway.cache import cache_directory
from shipway.model.intent import Requires
from shipway.model.release import Release, Source
from shipway.release.blobs import BlobSource
from shipway.release.checkout import check_out, working_directory
from shipway.release.command import run, text_of
from shipway.release.dirt import dirt
from shipway.release.source import Repository, refused
from shipway.release.standing import is_on_branch, standing
from shipway.release.tree import read_tree, shown

CHECK_SECONDS = 3600.0
LISTED = 20


def check_requires(
    repository: Repository,
    commit: Source,
    requires: Requires,
    on_line: Callable[[str], None],
    *,
    subdirectory: str = ".",
    paths: Sequence[str] = (),
    chosen: bool = False,
    cache: Path | None = None,
    stop: Event | None = None,
) -> None:
    """Raise Refused with everything that `requires` asks for and that does not hold.

    `paths` are looked at for uncommitted changes beside `subdirectory` (shipway.toml, where it lies elsewhere); none are
    looked for when the commit was `chosen` with --ref. Checks run in a clean checkout of what is shipped.
    """
    unmet = [] if chosen or not requires.clean else list(_clean(repository, [subdirectory, *paths]))
    unmet += _branch(repository, commit, requires.branch)
    unmet += _checks(repository, commit, requires, subdirectory, on_line, cache, stop)
    if unmet:
        hints = [hint for hint, _ in unmet]
        raise refused(
            "requires",
            f"commit {commit.commit[:12]} does not meet what is required of it",
            " ".join(dict.fromkeys(hint for hint in hints if hint)),
            tuple(line for _, line in unmet),
        )


def _clean(repository: Repository, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    found = dirt(repository, tuple(dict.fromkeys(paths)))
    hint = "Commit the changes, or name the commit with --ref (then they do not count)."
    for one in found[:LISTED]:
        yield hint, f"clean: {shown(one.path)} is {one.what}"
    if len(found) > LISTED:
        yield hint, f"clean: and {len(found) - LISTED} more"


def _branch(repository: Repository, commit: Source, branch: str | None) -> Iterator[tuple[str, str]]:
    if branch is None:
        return
    holds = is_on_branch(repository, commit.commit, branch)
    if holds is None:
        yield f"Type `git fetch`, so that {branch} is known here.", f"branch: there is no branch {branch} in this repository"
    elif not holds:
        here = standing(repository).branch
        where = f" (HEAD is on {here})" if here and here != branch else ""
        yield f"Merge it into {branch} first, or name a commit of {branch} with --ref.", f"branch: the commit is not on {branch}{where}"


def _checks(
    repository: Repository,
    commit: Source,
    requires: Requires,
    subdirectory: str,
    on_line: Callable[[str], None],
    cache: Path | None,
    stop: Event | None,
) -> Iterator[tuple[str, str]]:
    if not requires.checks:
        return
    tree = read_tree(repository, commit.commit, subdirectory)
    blobs = BlobSource(repository, Release("", "", commit, tree.entries, tree.blobs))
    with working_directory((cache or cache_directory()) / "checks") as work:
        (work / "tree").mkdir()
        check_out(blobs, work / "tree")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment["GIT_CEILING_DIRECTORIES"] = str(work)
        for command in requires.checks:
            on_line(f"$ {text_of(command)}")
            ending = run(
                command, directory=work / "tree", environment=environment, timeout_seconds=CHECK_SECONDS, on_line=on_line, stop=stop
            )
            if ending.code == 0:
                continue
            how = f"ended with {ending.code}" if ending.code is not None else "was stopped"
            yield "Correct what the checks say and commit.", f"checks: `{text_of(command)}` {how}"
            yield from (("", f"  {line}") for line in ending.lines)

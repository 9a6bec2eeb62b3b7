"""How many good generations to keep in; out, what nothing needs any more is gone: generations, releases, their outputs, blobs.

A deployment asks for it last, and does not wait: the supervisor does it behind the verdict (pruning.py). Whoever leases the host next
finds it done, for nothing may go any more once he has read what is here, and its room may be what he needs.
"""

from __future__ import annotations

import os

from shipway_agent import agents, assets, logs, runs
from shipway_agent.decide import Member
from shipway_agent.errors import naming
from shipway_agent.journal import Journal
from shipway_agent.journal.shortening import shorten
from shipway_agent.previous import previous
from shipway_agent.primitives import Context, files, generations, intake, parcels, seals, spares, toolchains, trees
from shipway_agent.pruning import WISH
from shipway_agent.root import Root
from shipway_agent.states import COMMITTED, DISCARDED, INTENT, TENTATIVE
from shipway_agent.typed import AbstractSet, Any, Dict, FrozenSet, List, Mapping, Optional, Set, Tuple

WAIT_SECONDS = 30.0


def fulfil(root: Root, journal: Journal) -> bool:
    """Do what `later` left to be done; whether there was anything. Who is at it already is waited for.

    Killed in the middle, the wish stays. Raises AgentError: `busy` after 30 s of waiting, or a fault of the disk.
    """
    if journal.meta(WISH) is None:
        return False
    with root.prune_lock(WAIT_SECONDS):
        keep = journal.meta(WISH)
        if keep is None:
            return True
        prune(Context(root, "", journal, "", 0, "", float("inf"), lambda event: None), {"keep": int(keep)})
        journal.set_meta(WISH, None, synced=False)
    return True


def prune(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Keep the newest `keep` good generations and all that is still needed; remove the rest: {"removed": [paths], "blobs", "bytes"}.

    Never removed: what serves, what a rollback goes to, what is warm, base and target of an open deployment, what still drains. A
    generation that was never committed does not count as one to keep. Idempotent; killed in the middle, nothing is left half under its
    name.
    """
    root, journal = context.root, context.journal
    kept = keeps(journal.member(), journal.good(), int(args["keep"])) | _running(journal) | _previous(journal)
    removed: List[str] = []
    for number in generations.numbers(root):
        if number not in kept:
            root.remove(generations.place(number))
            removed.append(generations.place(number))
    releases = {str(document["release"]) for document in generations.documents(root).values()} | prepared(
        journal.member(), int(args["keep"])
    )
    for release in trees.complete(root):
        if release not in releases:
            root.remove(f"{trees.FOLDER}/{release}")
            journal.set_meta(seals.SEAL + release, None, synced=False)
            removed.append(f"{trees.FOLDER}/{release}")
    spares.forget(root, journal, releases)
    for release in root.names(trees.OUTPUTS):
        if root.stat(f"{trees.FOLDER}/{release}") is None:
            root.remove(f"{trees.OUTPUTS}/{release}")
            removed.append(f"{trees.OUTPUTS}/{release}")
    assets.lay(root, files.newest_first(root), forget=True)
    for folder in (trees.FOLDER, generations.FOLDER):
        with root.at(folder, create=True) as place:
            place.sweep()
    with root.at(logs.FOLDER, create=True, mode=0o700) as place:
        removed += [f"{logs.FOLDER}/{name}" for name in logs.forget(place, kept | frozenset(generations.numbers(root)))]
    removed += toolchains.prune(root, journal, list(generations.documents(root).values()))
    removed += agents.prune(root)
    parcels.forget(root)
    shorten(journal, frozenset(trees.complete(root)))
    count, size = _remove_blobs(root, toolchains.manifests(root, journal))
    return {"removed": removed, "blobs": count, "bytes": size}


def keeps(member: Member, good: List[int], keep: int) -> FrozenSet[int]:
    """The generations that must stay. Pure. `good` are the committed ones, newest first."""
    found: Set[Optional[int]] = {member.current, rollback_target(member, good), *good[: max(keep, 1)]}
    found.add(member.warm.generation if member.warm is not None else None)
    for attempt in member.attempts:
        if attempt.stage in INTENT or attempt.stage in TENTATIVE:
            found |= {attempt.base, attempt.target, member.current}
    return frozenset(number for number in found if number is not None)


def rollback_target(member: Member, good: List[int]) -> Optional[int]:
    """What was current before the last committed switch, None where nothing was."""
    for attempt in reversed(member.attempts):
        if attempt.stage == COMMITTED and attempt.target == member.current:
            return attempt.base
    return next((number for number in good if member.current is not None and number < member.current), None)


def prepared(member: Member, keep: int) -> FrozenSet[str]:
    """Releases that were prepared lately for a deployment still to come; of the newest `keep` attempts. Pure."""
    newest = member.attempts[-max(keep, 1) :]
    return frozenset(str(a.document["release"]) for a in newest if a.stage == DISCARDED and a.document.get("release"))


def _previous(journal: Journal) -> FrozenSet[int]:
    before = previous(generations.documents(journal.root), journal.good(), journal.member().current)
    return frozenset(() if before is None else (before,))


def _running(journal: Journal) -> FrozenSet[int]:
    copies = {row.generation for row in journal.processes() if row.state not in ("gone", "crashed")}
    return frozenset(copies | {run.generation for run in runs.going(journal)})


def _remove_blobs(root: Root, tools: AbstractSet[str]) -> Tuple[int, int]:
    """Remove blobs that no tree links to: their count and bytes. Manifests of the releases and tools that stand are kept."""
    manifests = {*trees.complete(root), *tools}
    count = size = 0
    with root.at(intake.FOLDER, create=True) as store:
        store.sweep()
        for shelf_name in store.names():
            with store.at(shelf_name) as shelf, naming(shelf.path):
                before = count
                for name in os.listdir(shelf.fd):
                    info = os.stat(name, dir_fd=shelf.fd, follow_symlinks=False)
                    if info.st_nlink > 1 or name in manifests:
                        continue
                    os.unlink(name, dir_fd=shelf.fd)
                    count, size = count + 1, size + info.st_size
                if count > before:  # 256 syncs of nothing took a quarter of a second
                    shelf.sync()
    return count, size

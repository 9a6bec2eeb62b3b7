"""The manifest of a tool and its blobs in; out, the tool under `toolchains/`, verified, for every release here that names it."""

from __future__ import annotations

import re

from shipway_agent import manifest
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.manifest import digest_of
from shipway_agent.primitives import Context, filling, seals, trees
from shipway_agent.primitives.seals import TOOL
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, List, Mapping, Sequence, Set

FOLDER = "toolchains"
PLACE = re.compile(r"[a-z]+-[0-9][0-9a-z.+]*-[0-9a-f]{16}")


def make(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """{"files", "bytes", "reused"}. Idempotent; one that nobody has written to since it was read is not read again.

    Raises AgentError: `tool` for a place or a manifest that is none of a tool's, and what tree.make raises of blobs and disk.
    """
    place, digest = str(args["place"]), digest_of(args["manifest"])
    if not PLACE.fullmatch(place) or not place.endswith(f"-{digest[:16]}"):
        raise AgentError("tool", f"{place!r} is no place of the tool {digest[:16]}", place=place)
    root, journal = context.root, context.journal
    entries = trees.entries_of(root, digest, digest)
    odd = [entry for entry in entries if entry.kind in (manifest.SHARED, manifest.OUTPUT)]
    if odd:
        raise AgentError("tool", f"{manifest.shown(odd[0].path)!r} of {place} is {odd[0].kind}; a tool has files and links", place=place)
    files = [entry for entry in entries if entry.is_file]
    answer = {"files": len(files), "bytes": sum(entry.size for entry in files)}
    with root.at(FOLDER, create=True) as folder:
        folder.sweep()
        standing = folder.stat(place) is not None
        seal = seals.seal_of(folder, place) if standing else ""
        if standing and (journal.meta(TOOL + place) == f"{digest} {seal}" or not trees.differences(folder, place, entries)):
            journal.set_meta(TOOL + place, f"{digest} {seal}")
            return {**answer, "reused": True}
        with seals.breaking(root, journal), folder.workshop() as tree:
            seal = seals.seal(filling.fill(root, tree, digest, entries, {}))
            if standing:
                folder.exchange(tree.name, place)
            else:
                folder.rename(tree.name, place)
        journal.set_meta(TOOL + place, f"{digest} {seal}")
    return {**answer, "reused": False}


def prune(root: Root, journal: Journal, documents: Sequence[Mapping[str, Any]]) -> List[str]:
    """Remove the tools that no generation names; the paths of those removed."""
    named: Set[str] = {str(tool["place"]) for document in documents for tool in document.get("toolchains", ())}
    removed = []
    for place in root.names(FOLDER):
        if PLACE.fullmatch(place) and place not in named:
            root.remove(f"{FOLDER}/{place}")
            journal.set_meta(TOOL + place, None)
            removed.append(f"{FOLDER}/{place}")
    return removed


def manifests(root: Root, journal: Journal) -> Set[str]:
    """The manifest blobs of the tools that stand here: nothing links to them, and the next deployment needs them."""
    kept = (journal.meta(TOOL + place) for place in root.names(FOLDER))
    return {text.split(" ")[0] for text in kept if text}

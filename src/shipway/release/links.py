"""The entries of a tree in, the symbolic links that would lead out of it out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from shipway.model.release import Entry

MOST_HOPS = 40
"""Links that the kernel follows in one path; beyond, it refuses by itself."""


def stray(entries: Iterable[Entry]) -> Iterator[tuple[Entry, str]]:
    """Links that leave the tree, and why. A link into a shared path, or into what a task writes, is good: the host makes those."""
    entries = tuple(entries)
    links = {entry.path: entry.target for entry in entries if entry.kind == "link"}
    made = {entry.path for entry in entries if entry.kind in ("shared", "output")}
    for entry in entries:
        if entry.kind == "link":
            reason = _follow(entry, links, made)
            if reason:
                yield entry, reason


def _follow(entry: Entry, links: Mapping[str, str], made: Collection[str]) -> str:
    """Walk as the kernel would: through other links, so that `a/..` is where `a` really leads."""
    here: list[str] = []
    ahead = [*entry.path.split("/")]
    for hop in range(MOST_HOPS):
        while ahead:
            part = ahead.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                if not here:
                    return "leads out of the tree"
                here.pop()
                continue
            here.append(part)
            path = "/".join(here)
            if path in made and (hop or path != entry.path):
                return "leaves a shared path again with .." if ".." in ahead else ""
            if path in links:
                if links[path].startswith("/"):
                    return "is absolute" if path == entry.path else f"leads through {path}, which is absolute"
                here.pop()
                ahead = [*links[path].split("/"), *ahead]
                break
        else:
            return ""
    return ""

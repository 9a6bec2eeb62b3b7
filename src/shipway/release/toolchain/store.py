"""A resolved tool and a platform in, its tree out: fetched, verified and unpacked once, and kept in the cache of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

from shipway.cache import cache_directory
from shipway.model.intent import Tool
from shipway.model.release import ToolTree
from shipway.release.checkout import working_directory
from shipway.release.toolchain import fetch, node, python
from shipway.release.toolchain.resolved import Resolved
from shipway.release.toolchain.unpack import tree_of, unpack
from shipway_agent import manifest
from shipway_agent.errors import AgentError

RESOLVERS = {"node": node.resolve, "python": python.resolve}

TREE, LIST = "tree", "manifest"


def resolve(tool: Tool) -> Resolved:
    """Its exact version, as it is now. Raises Refused (code "toolchain")."""
    return RESOLVERS[tool.name](tool)


def bring(
    tool: Resolved, platform: str, on_fetch: Callable[[str], None], stop: Event | None = None, *, cache: Path | None = None
) -> ToolTree:
    """The tool for hosts of that platform, from an earlier time where there is one that is still whole.

    `on_fetch` hears of the URL that is fetched. Raises Refused (code "toolchain") where there is none for the platform, it cannot be
    fetched, or is not what its checksum says.
    """
    archive = tool.archives.get(platform)
    if archive is None:
        there = ", ".join(sorted(tool.archives)) or "nothing"
        hint = f"install {tool.name} there yourself and take it out of [toolchain], or use other hosts"
        raise fetch.not_to_be_had(f"there is no {tool.name} {tool.version} for {platform}; there is for {there}", hint)
    store = (cache or cache_directory()) / "toolchains"
    kept = store / f"{tool.name}-{tool.version}-{platform}-{archive.sha256[:16]}"
    found = _read(tool, platform, kept)
    if found is not None:
        return found
    on_fetch(archive.url)
    with working_directory(store) as work:
        fetch.archive(archive, work / "archive.tar.gz", stop)
        (work / "kept" / TREE).mkdir(parents=True)
        entries = unpack(work / "archive.tar.gz", work / "kept" / TREE)
        (work / "kept" / LIST).write_bytes(manifest.write(entries))
        try:
            (work / "kept").rename(kept)
        except OSError:  # another command was faster, or what is there is damaged
            if _read(tool, platform, kept) is None:
                kept.rename(work / "damaged")
                (work / "kept").rename(kept)
    found = _read(tool, platform, kept)
    if found is None:
        raise fetch.not_to_be_had(
            f"{kept} is damaged before it could be used", "look at the disk that holds the cache, then the same command"
        )
    return found


def programs(tree: ToolTree) -> Path:
    """The directory of its programs on this machine."""
    return next(Path(path).parents[entry.path.count("/")] for entry in tree.entries if (path := tree.blobs.get(entry.digest))) / "bin"


def _read(tool: Resolved, platform: str, kept: Path) -> ToolTree | None:
    """What the store has; None where something of it is gone or has another size. Hosts compare every byte."""
    try:
        tree = tree_of(tool.name, tool.version, platform, (kept / LIST).read_bytes(), kept / TREE)
        whole = all(
            (kept / TREE / e.path).is_symlink() if e.kind == "link" else (kept / TREE / e.path).stat().st_size == e.size
            for e in tree.entries
        )
    except (OSError, AgentError):
        return None
    return tree if whole and tree.entries else None

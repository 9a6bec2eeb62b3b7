"""What a build host says of itself in, Findings out: it answers, and it has room for a build of the commit."""

from __future__ import annotations

from collections.abc import Iterator

from shipway.model.finding import Finding
from shipway_agent.record import dataclass

CHECK = "build-host"

COPIES = 2
"""A build host keeps a commit's content, and gives each build a copy of it. What the build itself makes is known to nobody."""

RESERVE_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class BuildHost:
    """What was said at `address`. `free_inodes` is None where nobody counts them there."""

    address: str
    platform: str
    python: str
    root: str
    free_bytes: int
    free_inodes: int | None


def build_host_findings(there: BuildHost, commit_bytes: int, commit_files: int, again: str) -> Iterator[Finding]:
    """`commit_bytes` and `commit_files` are of HEAD; `again` is the command to type when it is mended."""
    yield Finding(CHECK, "ok", f"{there.address} answers: {there.platform}, python {there.python}, {there.root}")
    needed = COPIES * commit_bytes + RESERVE_BYTES
    inodes = COPIES * commit_files
    if there.free_bytes < needed:
        yield Finding(
            f"{CHECK}-disk",
            "wrong",
            f"{there.address} has {_megabytes(there.free_bytes)} free below {there.root}, "
            f"and a build of HEAD needs {_megabytes(needed)} at least",
            next=f"free {_megabytes(needed - there.free_bytes)} there, then {again}",
        )
    elif there.free_inodes is not None and there.free_inodes < inodes:
        yield Finding(
            f"{CHECK}-disk",
            "wrong",
            f"{there.address} has {there.free_inodes:,} free inodes below {there.root}, and a build of HEAD needs {inodes:,} at least",
            next=f"remove small files there, then {again}",
        )
    else:
        counted = "" if there.free_inodes is None else f" and {there.free_inodes:,} inodes"
        yield Finding(f"{CHECK}-disk", "ok", f"{_megabytes(there.free_bytes)}{counted} are free on {there.address}")


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"

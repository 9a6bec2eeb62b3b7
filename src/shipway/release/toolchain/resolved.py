"""Nothing in, the noun of this folder out: a tool whose exact version is known, and where its archives are."""

from __future__ import annotations

from collections.abc import Mapping

from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Archive:
    """One file to fetch: `sha256` is what its content must have, in hex."""

    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """A tool of one exact version. `archives` are by platform, as hosts name theirs: linux-x86_64, darwin-arm64, …"""

    name: str
    version: str
    archives: Mapping[str, Archive]


def newest(wanted: str, known: list[str]) -> str | None:
    """The newest of the versions that begin with the numbers of `wanted`; None where none does."""
    numbers = tuple(wanted.split("."))
    fitting = [version for version in known if tuple(version.split("."))[: len(numbers)] == numbers]
    return max(fitting, key=lambda version: tuple(map(int, version.split("."))), default=None)

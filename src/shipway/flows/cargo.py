"""A release's blobs and the proxy's binaries in, what each host may lack out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from shipway.model.release import ToolTree
from shipway.release.release import Made
from shipway_agent import manifest

LARGE_BYTES = 1_000_000
"""A host that is this machine links a larger file of a toolchain; smaller ones are thousands, and are quicker in one stream."""


class Cargo:
    """What travels in one deployment: the files of the release, its manifest, Caddy (digest, path) to hosts that serve, and toolchains."""

    def __init__(
        self,
        made: Made | None,
        caddies: Mapping[str, tuple[str, Path]],
        tools: Callable[[str], Sequence[ToolTree]] = lambda host: (),
    ) -> None:
        self._made = made
        self._caddies = caddies
        self._tools = tools
        self._lists: dict[str, bytes] = {}
        self._places: dict[str, str] = {}
        self._release = list(made.blobs.wanted()) if made is not None else []

    def wanted(self, host: str) -> Sequence[tuple[str, bool, int]]:
        """Digest, executable, size of every blob that host needs."""
        return [*self._release, *self._of_tools(host), *caddy_blob(self._caddies, host)]

    def read(self, digests: Iterable[str]) -> Iterator[bytes]:
        """Their contents, in order."""
        for digest in digests:
            path = self.path(digest) or self._places.get(digest)
            if path is not None:
                yield Path(path).read_bytes()
            elif digest in self._lists:
                yield self._lists[digest]
            elif self._made is not None:
                yield from self._made.blobs.read([digest])

    def path(self, digest: str) -> str | None:
        """A file on this machine that holds exactly this content."""
        place = self._places.get(digest)
        large = place if place is not None and Path(place).stat().st_size > LARGE_BYTES else None
        return caddy_path(self._caddies, digest) or large

    def _of_tools(self, host: str) -> list[tuple[str, bool, int]]:
        found: dict[tuple[str, bool, int], None] = {}
        for tool in self._tools(host):
            self._places |= tool.blobs
            self._lists[tool.digest] = manifest.write(tool.entries)
            found |= {(entry.digest, entry.kind == "executable", entry.size): None for entry in tool.entries if entry.digest}
            found[tool.digest, False, len(self._lists[tool.digest])] = None
        return list(found)


def caddy_blob(caddies: Mapping[str, tuple[str, Path]], host: str) -> list[tuple[str, bool, int]]:
    """Caddy as a blob, for a host that gets it."""
    return [(digest, True, path.stat().st_size) for digest, path in [caddies[host]]] if host in caddies else []


def caddy_path(caddies: Mapping[str, tuple[str, Path]], digest: str) -> str | None:
    """The file that is the Caddy of that digest; None for all other content."""
    return next((str(path) for name, path in caddies.values() if name == digest), None)

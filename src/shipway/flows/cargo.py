"""A release's blobs and the proxy's binaries in, what each host may lack out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from shipway.release.release import Made


class Cargo:
    """What travels in one deployment: every file of the release, its manifest, and Caddy (digest, path) to hosts that serve."""

    def __init__(self, made: Made | None, caddies: Mapping[str, tuple[str, Path]]) -> None:
        self._made = made
        self._caddies = caddies
        self._release = list(made.blobs.wanted()) if made is not None else []

    def wanted(self, host: str) -> Sequence[tuple[str, bool, int]]:
        """Digest, executable, size of every blob that host needs."""
        return [*self._release, *caddy_blob(self._caddies, host)]

    def read(self, digests: Iterable[str]) -> Iterator[bytes]:
        """Their contents, in order."""
        for digest in digests:
            path = self.path(digest)
            if path is not None:
                yield Path(path).read_bytes()
            elif self._made is not None:
                yield from self._made.blobs.read([digest])

    def path(self, digest: str) -> str | None:
        """A file on this machine that holds exactly this content."""
        return caddy_path(self._caddies, digest)


def caddy_blob(caddies: Mapping[str, tuple[str, Path]], host: str) -> list[tuple[str, bool, int]]:
    """Caddy as a blob, for a host that gets it."""
    return [(digest, True, path.stat().st_size) for digest, path in [caddies[host]]] if host in caddies else []


def caddy_path(caddies: Mapping[str, tuple[str, Path]], digest: str) -> str | None:
    """The file that is the Caddy of that digest; None for all other content."""
    return next((str(path) for name, path in caddies.values() if name == digest), None)

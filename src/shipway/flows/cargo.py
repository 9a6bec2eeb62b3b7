"""A release's blobs and the proxy's binary in, what each host may lack out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from shipway.release.release import Made


class Cargo:
    """What travels in one deployment: every file of the release, its manifest, and Caddy to hosts that serve."""

    def __init__(self, made: Made | None, caddy: tuple[str, Path] | None, serving: Collection[str]) -> None:
        self._made = made
        self._caddy = caddy
        self._serving = frozenset(serving)
        self._release = list(made.blobs.wanted()) if made is not None else []

    def wanted(self, host: str) -> Sequence[tuple[str, bool, int]]:
        """Digest, executable, size of every blob that host needs."""
        if self._caddy is None or host not in self._serving:
            return self._release
        digest, path = self._caddy
        return [*self._release, (digest, True, path.stat().st_size)]

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
        if self._caddy is not None and digest == self._caddy[0]:
            return str(self._caddy[1])
        return None

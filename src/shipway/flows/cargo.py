"""A release's blobs, toolchains and the proxy's binaries in; out, what each host is to have, and the parcels that bring what it lacks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from shipway.execute.ship import Blob, Listing
from shipway.flows.bases import Base, Bases
from shipway.model.release import Entry, ToolTree
from shipway.release.parcels import Content, parcels
from shipway.release.release import Made
from shipway_agent import manifest

LARGE_BYTES = 1_000_000
"""A host that is this machine links a larger file of a toolchain; smaller ones are thousands, and are quicker in one stream."""


class Cargo:
    """What travels in one deployment: the files of the release, its manifest, Caddy (digest, path) to hosts that serve, and toolchains.

    `bases` are what hosts serve already: large files that differ little from what is there travel as what differs.
    """

    def __init__(
        self,
        made: Made | None,
        caddies: Mapping[str, tuple[str, Path]],
        tools: Callable[[str], Sequence[ToolTree]] = lambda host: (),
        bases: Bases | None = None,
    ) -> None:
        self._made = made
        self._caddies = caddies
        self._tools = tools
        self._bases = bases
        self._lists: dict[str, bytes] = {}
        self._places: dict[str, str] = {}
        self._listings: dict[tuple[str, str], Listing] = {}
        self._used: dict[str, Base] = {}

    async def listings(self, host: str) -> Sequence[Listing]:
        """The manifests that host is to have, and what is in them."""
        found = []
        if self._made is not None:
            base = await self._bases.of(host) if self._bases is not None else None
            found.append(self._listing(self._made.release.digest, self._made.release.entries, self._made.blobs.manifest, base))
        for tool in self._tools(host):
            self._places |= tool.blobs
            found.append(self._listing(tool.digest, tool.entries, partial(manifest.write, tool.entries), None))
        return found

    def singles(self, host: str) -> Sequence[Blob]:
        """Blobs of that host that are in no manifest."""
        return caddy_blob(self._caddies, host)

    def path(self, digest: str) -> str | None:
        """A file on this machine that holds exactly this content."""
        place = self._places.get(digest)
        large = place if place is not None and Path(place).stat().st_size > LARGE_BYTES else None
        return caddy_path(self._caddies, digest) or large

    def parcels(self, blobs: Sequence[Blob], *, base: str, packing: bytes) -> Iterator[bytes]:
        """What brings these blobs to hosts that have the release `base` ("" for none)."""
        return parcels(self._contents(blobs, self._used.get(base)), packing)

    def read(self, digests: Iterable[str]) -> Iterator[bytes]:
        """Contents, in order, those that are in git through one process."""
        digests = list(digests)
        elsewhere = {digest: path for digest in digests if (path := self.path(digest) or self._places.get(digest)) is not None}
        of_release = [digest for digest in digests if digest not in elsewhere and digest not in self._lists]
        reading = self._made.blobs.read(of_release) if self._made is not None else iter(())
        for digest in digests:
            if digest in elsewhere:
                yield Path(elsewhere[digest]).read_bytes()
            else:
                yield self._lists[digest] if digest in self._lists else next(reading)

    def _listing(self, digest: str, entries: Sequence[Entry], write: Callable[[], bytes], base: Base | None) -> Listing:
        key = digest, base.digest if base is not None else ""
        if key not in self._listings:
            data = self._lists[digest] = self._lists.get(digest) or write()
            put, removed = manifest.change(base.data, data) if base is not None else ([], [])
            in_order = sorted(entries, key=lambda entry: os.fsencode(entry.path))  # as hosts have them, who say places in this list
            self._listings[key] = Listing(digest, tuple(manifest.contents(in_order)), data, key[1], put, removed)
            if base is not None:
                self._used[base.digest] = base
        return self._listings[key]

    def _contents(self, blobs: Sequence[Blob], base: Base | None) -> Iterator[Content]:
        earlier = self._earlier(base)
        from_git = base.read([earlier[blob[0]].digest for blob in blobs if blob[0] in earlier]) if base is not None else iter(())
        for (digest, executable, _), data in zip(blobs, self.read([digest for digest, _, _ in blobs])):
            was = earlier.get(digest)
            yield Content(digest, executable, data, Content(was.digest, was.executable, next(from_git)) if was is not None else None)

    def _earlier(self, base: Base | None) -> dict[str, manifest.Entry]:
        """What was at the path of each content, where it can be read here."""
        if base is None or self._made is None:
            return {}
        paths = {entry.digest: os.fsencode(entry.path) for entry in self._made.release.entries if entry.digest}
        found = {digest: base.by_path.get(path) for digest, path in paths.items()}
        return {digest: was for digest, was in found.items() if was is not None and was.digest != digest and was.digest in base.objects}


def caddy_blob(caddies: Mapping[str, tuple[str, Path]], host: str) -> list[Blob]:
    """Caddy as a blob, for a host that gets it."""
    return [(digest, True, path.stat().st_size) for digest, path in [caddies[host]]] if host in caddies else []


def caddy_path(caddies: Mapping[str, tuple[str, Path]], digest: str) -> str | None:
    """The file that is the Caddy of that digest; None for all other content."""
    return next((str(path) for name, path in caddies.values() if name == digest), None)

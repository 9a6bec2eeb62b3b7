"""A release's blobs, toolchains and the proxy's binaries in; out, what each host is to have, and the parcels that bring what it lacks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from shipway.execute.listing import Blob, Listing
from shipway.flows.bases import Base, Bases
from shipway.model.release import Entry, ToolTree
from shipway.release.parcels import Content, parcels
from shipway.release.release import Made
from shipway_agent import manifest
from shipway_agent.parcel import ZLIB

LARGE_BYTES = 1_000_000
"""A host that is this machine links a larger file of a toolchain; smaller ones are thousands, and are quicker in one stream."""

MOST_FRESH = 1000
"""With more contents that changed nothing is begun before the host has said what it lacks: it may well be a release that it had before."""

_Begun = tuple[bytes | None, Iterator[bytes]]
"""A first parcel, None where there is none, and what makes the others."""


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
        self._begun: dict[tuple[tuple[Blob, ...], str, bytes], Future[_Begun]] = {}

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

    async def begin(self, host: str) -> None:
        """Make the first parcel of what a host must lack, in a thread, before anybody asks for it."""
        for listing in await self.listings(host):
            key = listing.fresh, listing.base, ZLIB
            if listing.fresh and key not in self._begun:
                self._begun[key] = _beside(partial(_first, self._parcels(listing.fresh, listing.base, ZLIB)))

    def singles(self, host: str) -> Sequence[Blob]:
        """Blobs of that host that are in no manifest."""
        return caddy_blob(self._caddies, host)

    def path(self, digest: str) -> str | None:
        """A file on this machine that holds exactly this content."""
        place = self._places.get(digest)
        large = place if place is not None and Path(place).stat().st_size > LARGE_BYTES else None
        return caddy_path(self._caddies, digest) or large

    def parcels(self, blobs: Sequence[Blob], *, base: str, packing: bytes) -> Iterator[bytes]:
        """What brings these blobs to hosts that have the release `base` ("" for none). Waits, in a thread, for what was begun of it."""
        begun = self._begun.pop((tuple(blobs), base, packing), None)
        first, rest = begun.result() if begun is not None else (None, self._parcels(blobs, base, packing))
        if first is not None:
            yield first
        yield from rest

    def _parcels(self, blobs: Sequence[Blob], base: str, packing: bytes) -> Iterator[bytes]:
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
            blobs = tuple(manifest.contents(in_order))
            self._listings[key] = Listing(digest, blobs, data, key[1], put, removed, _fresh(blobs, put, base))
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


def _fresh(blobs: Sequence[Blob], put: Sequence[Any], base: Base | None) -> tuple[Blob, ...]:
    """Contents that the base names nowhere, in their order."""
    changed = {str(row[2]) for row in put}
    if base is None or len(changed) > MOST_FRESH:
        return ()
    new = {digest for digest in changed if digest.encode() not in base.data}
    return tuple(blob for blob in blobs if blob[0] in new)


def _first(making: Iterator[bytes]) -> _Begun:
    return next(making, None), making


def _beside(work: Callable[[], _Begun]) -> Future[_Begun]:
    """Do it in a thread that nobody waits for at the end: a command that is refused meanwhile ends at once."""
    future: Future[_Begun] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="first parcel", daemon=True).start()
    return future


def caddy_blob(caddies: Mapping[str, tuple[str, Path]], host: str) -> list[Blob]:
    """Caddy as a blob, for a host that gets it."""
    return [(digest, True, path.stat().st_size) for digest, path in [caddies[host]]] if host in caddies else []


def caddy_path(caddies: Mapping[str, tuple[str, Path]], digest: str) -> str | None:
    """The file that is the Caddy of that digest; None for all other content."""
    return next((str(path) for name, path in caddies.values() if name == digest), None)

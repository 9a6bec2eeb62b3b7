"""A release in, the contents that make it up out: read from git, from a build or from the store of large files, when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from shipway.model.release import Release
from shipway.release.git import Blob
from shipway.release.source import Repository, refused
from shipway_agent import manifest


class BlobSource:
    """Where the operator reads a release. The manifest, whose digest is the release's, is one of its blobs.

    `held` are contents that were read already to be named, by digest.
    """

    def __init__(self, repository: Repository, release: Release, held: Mapping[str, bytes] | None = None) -> None:
        self._repository = repository
        self._held = held or {}
        self._manifest = b""
        self.release = release

    def manifest(self) -> bytes:
        """The manifest blob."""
        self._manifest = self._manifest or manifest.write(self.release.entries)
        return self._manifest

    def read(self, digests: Iterable[str]) -> Iterator[bytes]:
        """The contents, in order, through one git process. Raises Refused when one is gone or is not what it was."""
        digests = list(digests)
        streams = self._streams([digest for digest in digests if digest not in self._held])
        for digest in digests:
            if digest in self._held:
                yield self._held[digest]
                continue
            content = self._content(digest, streams)
            if manifest.digest(content) != digest:
                raise self._changed(digest)
            yield content

    def path(self, digest: str) -> str | None:
        """A file on this machine with this content, where there is one outside of git."""
        place = self.release.blobs.get(digest, "git:")
        return None if place.startswith("git:") else place

    def _content(self, digest: str, streams: dict[str, Iterator[Blob]]) -> bytes:
        if digest == self.release.digest:
            return self.manifest()
        place = self.release.blobs[digest]
        try:
            if place.startswith("git:"):
                return next(streams[_directory(place)]).content()
            return Path(place).read_bytes()
        except (OSError, StopIteration):
            raise self._changed(digest) from None

    def _streams(self, digests: list[str]) -> dict[str, Iterator[Blob]]:
        """One stream of objects for each repository that the contents come from."""
        wanted: dict[str, list[str]] = {}
        for digest in digests:
            place = self.release.blobs.get(digest, "")
            if place.startswith("git:"):
                wanted.setdefault(_directory(place), []).append(place.split(":")[1])
        return {directory: self._open(directory).git.blobs(oids) for directory, oids in wanted.items()}

    def _open(self, directory: str) -> Repository:
        return Repository.module(Path(directory)) if directory else self._repository

    def _changed(self, digest: str) -> Exception:
        names = [entry.path for entry in self.release.entries if entry.digest == digest]
        place = self.release.blobs.get(digest, "")
        return refused(
            "content-changed",
            f"{ascii(names[0])[1:-1] if names else digest[:12]} is no longer what it was when the release was made ({place})",
            "Type the command again; it makes the release anew.",
        )


def _directory(place: str) -> str:
    """The repository of `git:OID` (the release's own, "") or of `git:OID:DIRECTORY`."""
    return place.split(":", 2)[2] if place.count(":") > 1 else ""

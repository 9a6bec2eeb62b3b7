"""A place in; out, what puts files there, names them, gives them back and takes them away. Each kind of place has a file of its own."""

from __future__ import annotations

import hashlib
from typing import Dict, Iterable, Iterator, Mapping, Protocol

from shipway_agent.data.elsewhere import place
from shipway_agent.data.elsewhere.place import Place
from shipway_agent.data.programs import Work
from shipway_agent.errors import AgentError


class Store(Protocol):
    """One folder of one place. Names are plain; a file is there whole under its name, or not at all.

    Everything raises AgentError: `copy-place` where the place says no or cannot be reached, in its own words and without any secret,
    `copy-damaged` where what is there is not what was sent.
    """

    def put(self, name: str, content: Iterable[bytes], likely_bytes: int) -> None:
        """Write a file, and read it back before it gets its name."""

    def names(self) -> Dict[str, int]:
        """What is there, and the size of each in bytes."""

    def get(self, name: str) -> Iterator[bytes]:
        """Its content."""

    def drop(self, name: str) -> None:
        """Take it away; that it is gone already is no error."""


class Hashing:
    """Bytes on their way, and the SHA-256 of those that have passed; it is what programs of other hosts can compute too."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self._content = content
        self._sum = hashlib.sha256()
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self._content:
            self._sum.update(part)
            self.bytes += len(part)
            yield part

    @property
    def digest(self) -> str:
        return self._sum.hexdigest()


def store_at(where: Place, folder: str, variables: Mapping[str, str], work: Work) -> Store:
    """What keeps files below `folder` ("shop/production/main") there. `variables` hold the keys of S3."""
    if where.kind == place.DIRECTORY:
        from shipway_agent.data.elsewhere.directory import Directory

        return Directory(where.path, folder)
    if where.kind == place.SSH:
        from shipway_agent.data.elsewhere.ssh import OtherHost

        return OtherHost(where, folder, work)
    from shipway_agent.data.elsewhere.s3 import Bucket

    return Bucket(where, folder, variables)


def damaged(where: str) -> AgentError:
    """What is there is not what was sent."""
    return AgentError("copy-damaged", f"{where} is not what was sent there: it was taken away again")

"""Facts in; out, what each host serves already, as far as a delta can be made from it: its manifest, and contents that are here too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from shipway.cache import cache_directory
from shipway.execute.fleet import Fleet
from shipway.model.errors import HostError
from shipway.model.facts import HostFacts
from shipway.release.earlier import Earlier, earlier, read_objects
from shipway.release.release import Made
from shipway.release.remembered import Contents
from shipway.release.source import Repository
from shipway_agent import manifest
from shipway_agent.errors import AgentError
from shipway_agent.record import dataclass, field

ASK_SECONDS = 60.0


@dataclass(frozen=True)
class Base:
    """A release that a host has: its manifest, `data`, is known, and of the contents at its paths those in `objects` can be read here.

    `by_path` has at least the files that differ from what is shipped.
    """

    digest: str
    data: bytes
    objects: Mapping[str, str]
    repository: Repository
    by_path: Mapping[bytes, manifest.Entry] = field(default_factory=dict)

    def read(self, digests: list[str]) -> Iterator[bytes]:
        """Contents, in order. Raises Refused."""
        return read_objects(self.repository, [self.objects[digest] for digest in digests])


class Bases:
    """What hosts serve, by host. Each release is looked up once: in git, and where that does not tell its manifest, on a host."""

    def __init__(self, repository: Repository, made: Made, subdirectory: str) -> None:
        self._repository = repository
        self._made = made
        self._subdirectory = subdirectory
        self._fleet: Fleet | None = None
        self._live: dict[str, tuple[str, str]] = {}
        self._known: dict[str, asyncio.Future[Earlier]] = {}
        self._found: dict[str, asyncio.Future[Base | None]] = {}

    def learn(self, fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
        """Remember what each host serves, and begin to look in git for what that was. Called in a running loop."""
        self._fleet = fleet
        served = {name: fact.live for name, fact in facts.items()}
        self._live = {name: (str(live.get("release", "")), str(live.get("commit", ""))) for name, live in served.items() if live}
        for release, commit in {*self._live.values()}:
            self._look(release, commit)

    def know(self, fleet: Fleet, host: str, release: str, commit: str) -> None:
        """The same of one host that said so itself; "" for nothing."""
        self._fleet = fleet
        self._live[host] = release, commit
        self._look(release, commit)

    def _look(self, release: str, commit: str) -> None:
        if release not in self._known and release != self._made.release.digest:
            remembered = Contents(cache_directory())
            looking = asyncio.to_thread(earlier, self._repository, self._made.release, self._subdirectory, commit, release, remembered)
            self._known[release] = asyncio.ensure_future(looking)

    async def of(self, host: str) -> Base | None:
        """What that host serves; None where it serves nothing, or the very release that is to come, or nobody knows its manifest."""
        release, _ = self._live.get(host, ("", ""))
        if not release or release == self._made.release.digest:
            return None
        if release not in self._found:
            self._found[release] = asyncio.ensure_future(self._look_up(host, release))
        return await asyncio.shield(self._found[release])

    async def _look_up(self, host: str, release: str) -> Base | None:
        known = await self._known[release]
        if known.manifest:
            return Base(release, known.manifest, known.objects, self._repository, known.files)
        data = await self._asked(host, known)
        try:
            by_path = {entry.path: entry for entry in manifest.read(data)} if known.objects else {}
        except AgentError:
            return None
        return Base(release, data, known.objects, self._repository, by_path) if data else None

    async def _asked(self, host: str, known: Earlier) -> bytes:
        """The manifest as the host has it, empty where it has none that is its own."""
        assert self._fleet is not None
        try:
            answer = await self._fleet.call(host, "manifest", {"release": known.digest}, timeout_seconds=ASK_SECONDS)
        except HostError:
            return b""  # it says so again where it matters
        try:
            data = manifest.changed(b"", answer["entries"], [])
        except (AgentError, LookupError):
            return b""
        return data if manifest.digest(data) == known.digest else b""

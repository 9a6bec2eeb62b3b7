"""What hosts are to have in, what reached them out. Only what a host lacks travels, verified at the other end.

A host is told what changes in a manifest that it has, and says in the same exchange which contents it lacks. Those go in parcels, made
once for all hosts that lack the same; those pass them on to each other where that spares much of what leaves here. What little a host must
lack, for nothing that it has names it, goes with the question.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, takewhile
from typing import Any, Protocol

from shipway.execute.company import Company
from shipway.execute.feed import Fed, Stock, feed
from shipway.execute.fleet import Fleet, Outcomes
from shipway.execute.listing import Blob, Listing
from shipway.execute.load import Load
from shipway.execute.telling import Tell
from shipway.model.errors import HostError, HostRefused
from shipway_agent.parcel import RAW, RECORD, ZLIB
from shipway_agent.record import dataclass

LACK_SECONDS = 60.0

PUT_SECONDS = 1800.0
"""Bound of one upload; a channel that carries nothing at all is noticed earlier by ssh's own keep-alive."""

FORESEEN_BYTES = 256 * 1024
"""What goes with the question is less: a host that has it all the same has been sent it in vain."""

KEPT_BYTES = 1 << 20
"""More than this is kept on the host while it arrives, so that a cut costs only what was on its way."""

SPARED_BYTES = 512 * 1024
"""What feeding must spare of what leaves this machine: keys and names for it are some 3 KB a host, and pairs of hosts have to meet."""

COMPANY_SECONDS = 5.0
"""How long a host that has said what it lacks waits for others that lack the same."""


class Blobs(Protocol):
    """Where content is read on the operator's side."""

    async def listings(self, host: str) -> Sequence[Listing]:
        """The manifests that host is to have."""
        ...

    def singles(self, host: str) -> Sequence[Blob]:
        """Blobs it is to have that are in no manifest."""
        ...

    def parcels(self, blobs: Sequence[Blob], *, base: str, packing: bytes) -> Iterator[bytes]:
        """What brings these blobs to hosts that have everything in the manifest `base` ("" for none)."""
        ...

    def path(self, digest: str) -> str | None:
        """A file on this machine with exactly this content, for hosts that are this machine."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What some hosts lack, and how it is packed for them: those of which all this is the same get the same parcels.

    They have everything in the manifest `base`, "" for none.
    """

    blobs: tuple[Blob, ...]
    base: str
    packing: bytes

    @property
    def size_bytes(self) -> int:
        """Of the content, before it is packed."""
        return sum(size for _, _, size in self.blobs)


class Feeding:
    """One feeding that several hosts wait for. It ends early when nobody waits for it any more."""

    def __init__(self, begin: Callable[[Callable[[HostError], None]], Coroutine[Any, Any, Outcomes[Fed]]]) -> None:
        """`begin` gets whom to tell of a host that is out of it."""
        self._task = asyncio.ensure_future(begin(self._lose))
        self._lost: dict[str, HostError] = {}
        self._changed = asyncio.Event()
        self._task.add_done_callback(lambda task: self._changed.set())
        self._waiting = 0

    async def ended(self, name: str) -> Fed | HostError:
        """How it ended for this host: with its error at once, for its link is to be opened again before its lease runs out.

        Raises what the feeding raised.
        """
        self._waiting += 1
        try:
            while not self._task.done() and name not in self._lost:
                self._changed.clear()
                await self._changed.wait()
            if name in self._lost:
                return self._lost[name]
            outcomes = self._task.result()
            return outcomes.errors[name] if name in outcomes.errors else outcomes.answers[name]
        finally:
            self._waiting -= 1
            if not self._waiting and not self._task.done():
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)

    def _lose(self, error: HostError) -> None:
        self._lost[error.host] = error
        self._changed.set()


@dataclass(frozen=True, slots=True)
class Lacking:
    """What one host lacks, what it has to make it from, the parcels that it kept when it was cut off, and the room that it has.

    `brought` went with the question.
    """

    blobs: tuple[Blob, ...]
    base: str
    kept: frozenset[str]
    free_bytes: int
    brought: tuple[Blob, ...]


class Delivery:
    """One cargo on its way to one fleet."""

    def __init__(self, fleet: Fleet, blobs: Blobs, tell: Tell, builder: Callable[[], Fleet] | None = None) -> None:
        """`builder` makes the fleet of the host that built it, which then is the first to give it; None where this machine did."""
        self._builder = builder
        self._lists: set[str] = set()
        self._fleet = fleet
        self._blobs = blobs
        self._tell = tell
        self._loads: dict[Wanted, Load] = {}
        self._company, self._expected = Company((), COMPANY_SECONDS), 0
        self._kept: dict[str, frozenset[str]] = {}
        self._feedings: dict[Load, Feeding] = {}

    def expect(self, names: Iterable[str]) -> None:
        """These are shipped to next, all at once: those that lack the same may be fed together."""
        expected = tuple(names)
        self._company, self._expected = Company(expected, COMPANY_SECONDS), len(expected)
        self._feedings = {}

    async def ship(self, name: str) -> dict[str, Any]:
        """Bring one host what it lacks, and answer what that was: the data of the event *shipped*.

        Raises HostError; what has arrived stays, so that another try sends only the rest.
        """
        loop = asyncio.get_running_loop()
        began, sent_before = loop.time(), self._fleet.bytes_sent(name)
        try:
            lacking = await self._lacking(name)
        except BaseException:
            self._company.leave(name)
            raise
        fed = await self._bring(name, lacking)
        shipped = {
            "blobs": len(lacking.brought) + len(lacking.blobs),
            "bytes": sum(size for _, _, size in (*lacking.brought, *lacking.blobs)),
            "sent": self._fleet.bytes_sent(name) - sent_before,
            "seconds": loop.time() - began,
            "peers": dict(fed.peers) if fed is not None else {},
        }
        self._tell("shipped", host=name, **shipped)
        return shipped

    async def _lacking(self, name: str) -> Lacking:
        listings, singles = await self._blobs.listings(name), self._blobs.singles(name)
        asked: dict[str, Any] = {
            "blobs": [[digest, executable] for digest, executable, _ in singles],
            "manifests": [one.question for one in listings],
        }
        self._lists |= {one.digest for one in listings}
        brought: tuple[Blob, ...] = ()
        foreseen = await self._foreseen(name, listings)
        if foreseen is None:
            answer = await self._fleet.call(name, "lack", asked, timeout_seconds=LACK_SECONDS)
        else:
            asked["bring"] = self._announced(foreseen)
            body = self._body(name, self._load(foreseen), frozenset())
            answer = await self._fleet.call(name, "lack", asked, body=body, timeout_seconds=PUT_SECONDS)
            gone = set(_among(foreseen.blobs, answer.get("brought", {}).get("lacking", ())))
            brought = tuple(blob for blob in foreseen.blobs if blob not in gone)
        runs: dict[str, Sequence[int] | None] = {one.digest: found for one, found in zip(listings, answer["manifests"])}
        based = next((one.base for one in listings if one.base and runs[one.digest] is not None), "")
        unknown = [one for one in listings if runs[one.digest] is None]
        if unknown and answer["blobs"]:
            runs |= await self._told_whole(name, unknown)
        of_listings = chain.from_iterable(_of_runs(one, runs[one.digest]) for one in listings)
        found = tuple(dict.fromkeys((*of_listings, *_among(singles, answer["lacking"]))))
        return Lacking(found, based, frozenset(answer["parcels"]), int(answer["free_bytes"]), brought)

    async def _foreseen(self, name: str, listings: Sequence[Listing]) -> Wanted | None:
        """What that host lacks for certain, where it is so little that nobody would be spared by asking first or by passing it on."""
        fresh = next((one for one in listings if one.fresh), None)
        if fresh is None or self._fleet.hosts[name].address == "local":
            return None
        wanted = Wanted(fresh.fresh, fresh.base, ZLIB)
        others = max(self._expected, len(self._fleet.names)) - 1
        much = min(FORESEEN_BYTES, SPARED_BYTES / others) if others else FORESEEN_BYTES
        return None if await _holds(self._load(wanted), much) else wanted

    async def _told_whole(self, name: str, listings: Sequence[Listing]) -> Mapping[str, Sequence[int]]:
        """For a host that has some of it, nobody knows what: it gets the manifests themselves, and says what of them it lacks."""
        packed = await asyncio.to_thread(zlib.compress, b"".join(one.data for one in listings))

        async def body() -> AsyncIterator[bytes]:
            yield packed

        asked = {"manifests": [{"digest": one.digest, "size": len(one.data)} for one in listings]}
        answer = await self._fleet.call(name, "lack", asked, body=body, timeout_seconds=PUT_SECONDS)
        return {one.digest: found for one, found in zip(listings, answer["manifests"])}

    async def _bring(self, name: str, lacking: Lacking) -> Fed | None:
        local = self._fleet.hosts[name].address == "local"
        linked = [blob for blob in lacking.blobs if local and self._blobs.path(blob[0])]
        for digest, executable, size in linked:
            args = {"digest": digest, "executable": executable, "size": size, "link": self._blobs.path(digest)}
            await self._fleet.call(name, "put", args, timeout_seconds=PUT_SECONDS)
        rest = tuple(blob for blob in lacking.blobs if blob not in linked)
        wanted = Wanted(rest, lacking.base, RAW if local else ZLIB)
        fed, kept = await self._fed(name, wanted, lacking)
        if fed is not None and fed.lacking is not None:
            whole = tuple(blob for blob in rest if blob[:2] in fed.lacking)
        else:
            whole = await self._sent(name, wanted, kept)
        await self._send(name, Wanted(whole, "", wanted.packing), frozenset())
        return fed

    async def _sent(self, name: str, wanted: Wanted, kept: frozenset[str]) -> tuple[Blob, ...]:
        """As `_send`; where something of what it had kept is damaged or gone, with nothing kept."""
        try:
            return await self._send(name, wanted, kept)
        except HostRefused as error:
            if error.code != "parcel-gone":
                raise
            return await self._send(name, wanted, frozenset())

    async def _fed(self, name: str, wanted: Wanted, lacking: Lacking) -> tuple[Fed | None, frozenset[str]]:
        """Have this host fed with all that lack the same; how it was, and the parcels that it has then.

        Raises HostRefused where its disk takes no more. Whatever else goes wrong in it is made good by sending straight.
        """
        kept, size = lacking.kept, wanted.size_bytes
        crowded = size > KEPT_BYTES and lacking.free_bytes < 2 * size
        if not wanted.blobs or wanted.packing == RAW or crowded:
            self._company.leave(name)
            if crowded and self._expected > 1:
                self._tell(
                    "note",
                    host=name,
                    message=f"it has room for what it lacks, {size:,} bytes, and not to pass it on: it gets all of it from here",
                )
            return None, kept
        load, self._kept[name] = self._load(wanted), kept
        together = await self._company.of(name, wanted)
        built = self._builder if self._stocked(wanted) else None
        copies = len(together) - (built is None)
        if copies < 1 or not together or not await _holds(load, SPARED_BYTES / copies):
            return None, kept
        feeding = self._feedings.get(load)
        if feeding is None:
            feeding = self._feedings[load] = Feeding(partial(self._feed, {one: self._kept[one] for one in together}, load, wanted, built))
        fed = await feeding.ended(name)
        if isinstance(fed, HostRefused) and fed.code != "feed":
            raise fed
        if isinstance(fed, Fed) and fed.whole:
            return fed, frozenset(load.names())
        now = await self._fleet.call(name, "lack", timeout_seconds=LACK_SECONDS)
        return fed if isinstance(fed, Fed) else None, frozenset(now["parcels"])

    async def _feed(
        self,
        kept: Mapping[str, frozenset[str]],
        load: Load,
        wanted: Wanted,
        built: Callable[[], Fleet] | None,
        on_error: Callable[[HostError], None],
    ) -> Outcomes[Fed]:
        to_all = partial(feed, self._fleet, kept, load, self._tell, on_error, count=len(wanted.blobs), size=wanted.size_bytes)
        if built is None:
            return await to_all()
        async with built() as fleet:
            return await to_all(stock=Stock(fleet, [blob[:2] for blob in self._stocked(wanted)]))

    def _load(self, wanted: Wanted) -> Load:
        if wanted not in self._loads:
            stocked = self._stocked(wanted)
            parts = [part for part in (stocked, wanted.blobs[len(stocked) :]) if part]
            parcels = partial(self._blobs.parcels, base=wanted.base, packing=wanted.packing)
            self._loads[wanted] = Load(lambda: chain.from_iterable(parcels(part) for part in parts))
        return self._loads[wanted]

    def _stocked(self, wanted: Wanted) -> tuple[Blob, ...]:
        """What of it a build host may have: the files of the release, which come first, and not its list."""
        if self._builder is None or wanted.base:
            return ()  # what is made from a release that hosts have, a build host cannot make
        return tuple(takewhile(lambda blob: blob[0] not in self._lists, wanted.blobs))

    async def _send(self, name: str, wanted: Wanted, kept: frozenset[str]) -> tuple[Blob, ...]:
        """Send parcels; which of the blobs they could not be made into there, for what they are made from is gone or damaged."""
        if not wanted.blobs:
            return ()
        body = self._body(name, self._load(wanted), kept)
        answer = await self._fleet.call(name, "parcels", self._announced(wanted), body=body, timeout_seconds=PUT_SECONDS)
        return _among(wanted.blobs, answer["lacking"])

    def _announced(self, wanted: Wanted) -> dict[str, Any]:
        """What a host is told of parcels before they come."""
        size = wanted.size_bytes
        return {"count": len(wanted.blobs), "size": size, "keep": wanted.packing != RAW and size > KEPT_BYTES}

    def _body(self, name: str, load: Load, kept: frozenset[str]) -> Callable[[], AsyncIterator[bytes]]:
        tries = 0

        async def body() -> AsyncIterator[bytes]:
            nonlocal tries
            tries += 1
            here = kept if tries == 1 else frozenset((await self._fleet.call(name, "lack", again=False))["parcels"])
            place = 0
            while await load.reaches(place):
                parcel = load.name(place)
                if parcel in here:
                    yield RECORD.pack(bytes.fromhex(parcel), 0)
                else:
                    data = load.data(place)
                    yield RECORD.pack(bytes.fromhex(parcel), len(data))
                    yield data
                place += 1

        return body


async def _holds(load: Load, least_bytes: float) -> bool:
    """Whether all of it together is so much; asks for no more than it takes to know."""
    place, held = 0, 0
    while await load.reaches(place):
        held += len(load.data(place))
        if held >= least_bytes:
            return True
        place += 1
    return False


def _among(blobs: Iterable[Blob], named: Iterable[Sequence[Any]]) -> tuple[Blob, ...]:
    """Those that a host has named, each by its digest and whether it is executable."""
    names = {(digest, bool(executable)) for digest, executable in named}
    return tuple(blob for blob in blobs if blob[:2] in names)


def _of_runs(listing: Listing, runs: Sequence[int] | None) -> tuple[Blob, ...]:
    """The contents of a manifest in these runs, or all, and the manifest with them."""
    if runs is None:
        return (*listing.blobs, (listing.digest, False, len(listing.data)))
    return tuple(blob for first, behind in zip(runs[::2], runs[1::2]) for blob in listing.blobs[first:behind])

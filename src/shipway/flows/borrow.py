"""A fleet of which some members lack the target of a rollback in; what other members lend them of it out, and the content as cargo.

It goes through this machine, for here it is verified and both ends are trusted. Nothing is activated by it, and no lease is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shipway.execute.fetch import READ_SECONDS, fetch
from shipway.execute.fleet import Fleet
from shipway.execute.listing import Blob, Listing
from shipway.flows.cargo import caddy_blob, caddy_path
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.loan import Loan
from shipway.plan.target import find_target, lacking, lenders
from shipway.release.parcels import Content, parcels
from shipway_agent.record import dataclass, field


async def borrow(fleet: Fleet, intent: Intent, facts: Mapping[str, HostFacts], target: str, folder: Path) -> dict[str, Loan]:
    """Read what hosts lack of the target from members that have it into `folder`. Empty where nobody lacks it or nobody can lend it.

    Raises Refused for a target that is none, HostError when a lender cannot be read.
    """
    found = find_target(intent.environment.name, facts, target)
    loans: dict[str, Loan] = {}
    for name in lacking(facts, found.number):
        lender = next(iter(lenders(intent, facts, found.number, name)), None)
        if lender is not None:
            loans[name] = await _lent(fleet, lender, name, found.number, folder)
    return loans


async def _lent(fleet: Fleet, lender: str, borrower: str, number: int, folder: Path) -> Loan:
    kept = await fleet.call(lender, "generation", {"number": number}, timeout_seconds=READ_SECONDS)
    release = str(kept["document"]["release"])
    entries = (await fleet.call(lender, "manifest", {"release": release}, timeout_seconds=READ_SECONDS))["entries"]
    files = {(str(digest), kind == "executable"): int(size) for kind, _, digest, size, _ in entries if kind in ("file", "executable")}
    wanted = [(release, False), *sorted(files)]
    answer = await fleet.call(borrower, "lack", {"blobs": [list(blob) for blob in wanted]}, timeout_seconds=READ_SECONDS)
    lacking_here = {str(digest): bool(executable) for digest, executable in answer["lacking"]} | {release: False}
    sizes = {digest: size for (digest, _), size in files.items()}
    await fetch(fleet, lender, [(digest, executable, sizes.get(digest, -1)) for digest, executable in lacking_here.items()], folder)
    manifest = (folder / release).stat().st_size
    return Loan(
        lender, number, kept["document"], kept["env"], ((release, False, manifest), *((*blob, size) for blob, size in files.items()))
    )


@dataclass
class Borrowed:
    """What travels to members that borrow: what they lack of the release, and Caddy (digest, path) by host. `folder` holds files."""

    folder: Path
    loans: Mapping[str, Loan] = field(default_factory=dict)
    caddies: Mapping[str, tuple[str, Path]] = field(default_factory=dict)

    async def listings(self, host: str) -> Sequence[Listing]:
        """None: what is borrowed is asked for blob by blob."""
        return ()

    def singles(self, host: str) -> Sequence[Blob]:
        """Digest, executable, size of every blob that host needs; none for hosts that have the target."""
        if host not in self.loans:
            return []
        return [*self.loans[host].blobs, *caddy_blob(self.caddies, host)]

    def parcels(self, blobs: Sequence[Blob], *, base: str, packing: bytes) -> Iterator[bytes]:
        """What brings these blobs; whole, whatever the host has."""
        return parcels((Content(digest, executable, Path(self.path(digest)).read_bytes()) for digest, executable, _ in blobs), packing)

    def path(self, digest: str) -> str:
        """The file on this machine that holds exactly this content."""
        return caddy_path(self.caddies, digest) or str(self.folder / digest)

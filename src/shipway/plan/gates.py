"""Intent, release and facts in; nothing out, or one Refused that names everything that stands in the way. Nothing was touched then."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from shipway.model.errors import AGAIN, Refused
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.release import Entry, Release
from shipway.plan.facts import recorded_members
from shipway_agent.record import dataclass

OLDEST_PYTHON = (3, 9)

RESERVE_BYTES = 16 * 1024 * 1024
"""Room that must be left for journal, logs and the generation itself."""

RESERVE_INODES = 64
BLOCK_BYTES = 4096
UNTOUCHED = "nothing was touched; every host serves what it served"


def pass_gates(intent: Intent, release: Release | None, facts: Mapping[str, HostFacts]) -> None:
    """Check that a deployment may begin. `release` is None where none is shipped. Raises Refused with every reason there is."""
    reasons = list(_reasons(intent, release, facts))
    if len(reasons) == 1:
        raise reasons[0]
    if reasons:
        raise Refused(
            f"{len(reasons)} things stand in the way of {intent.environment.name}",
            state=UNTOUCHED,
            hint=reasons[0].hint,
            code=reasons[0].code,
            details=[line for reason in reasons for line in (reason.message, *(f"  next: {r}" for r in (reason.hint,)))],
        )


def host_reasons(name: str, fact: HostFacts, release: Release | None) -> Iterator[Refused]:
    """What stands in the way on one host. `release` is None where none is known: then only our own reserve must be free."""
    yield from _host(name, fact)
    yield from _room(name, fact, release, _size_of(release))


def fleet_reasons(intent: Intent, release: Release | None, facts: Mapping[str, HostFacts]) -> Iterator[Refused]:
    """What stands in the way of the whole environment: its members, and what the release has or lacks."""
    yield from _members(intent, facts)
    if release is not None:
        yield from _of_release(intent, release, facts)


def _reasons(intent: Intent, release: Release | None, facts: Mapping[str, HostFacts]) -> Iterator[Refused]:
    yield from _members(intent, facts)
    for name, fact in sorted(facts.items()):
        yield from _host(name, fact)
    if release is not None:
        size = _size_of(release)
        for name, fact in sorted(facts.items()):
            yield from _room(name, fact, release, size)
        yield from _of_release(intent, release, facts)


def _of_release(intent: Intent, release: Release, facts: Mapping[str, HostFacts]) -> Iterator[Refused]:
    yield from _shadowed(intent.shipment.shared, release.entries)
    yield from _dropped(intent, facts)
    yield from _unanswered(intent, release.entries)


def _members(intent: Intent, facts: Mapping[str, HostFacts]) -> Iterator[Refused]:
    environment = intent.environment
    configured = [host.name for host in environment.hosts]
    unread = sorted(set(configured) - set(facts))
    if unread:
        yield _refuse(
            "unread", f"nothing is known of {_and(unread)}", f"shipway status {environment.name} says which host cannot be reached, and why"
        )
    known = {*configured, *(host.name for host in environment.without)}
    for name in sorted(set(recorded_members(facts)) - known):
        yield _refuse(
            "member-missing",
            f"{name} is a recorded member of {environment.name} and is missing from shipway.toml",
            f"shipway host remove {environment.name} {name} drains it and takes it out (--lost where it is gone for ever); "
            f"or put {name} back under [environment.{environment.name}] hosts",
        )


def _host(name: str, fact: HostFacts) -> Iterator[Refused]:
    if fact.hello.why_not:
        yield _refuse("host", f"{name} cannot take a release: {fact.hello.why_not}", f"mend that on {name}, then {AGAIN}")
    python = _version(fact.hello.python)
    if python < OLDEST_PYTHON:
        yield _refuse(
            "python",
            f"python3 on {name} is {fact.hello.python or 'of an unknown version'}; 3.9 or newer is needed",
            f"install a newer python3 on {name}, then {AGAIN}",
        )
    if fact.member.name not in ("", name):
        yield _refuse(
            "root-taken",
            f"the root {fact.hello.root} of {name} belongs to host {fact.member.name} of this environment",
            f"give {name} a root of its own in shipway.toml, or its old name back",
        )


@dataclass(frozen=True)
class _Size:
    """What a release takes on a host that has nothing of it; counted once for all hosts."""

    blobs: int
    bytes: int
    folders: int


def _size_of(release: Release | None) -> _Size:
    if release is None:
        return _Size(0, 0, 0)
    files = {e.digest: e.size for e in release.entries if e.kind in ("file", "executable")}
    return _Size(len(files), sum(files.values()), len(_folders(release.entries)))


def _room(name: str, fact: HostFacts, release: Release | None, whole: _Size) -> Iterator[Refused]:
    blobs, size = _lacking(fact, whole) if release is not None else (0, 0)
    needed = size + blobs * BLOCK_BYTES + RESERVE_BYTES
    free = fact.disk.free_bytes
    if free is not None and free < needed:
        yield _refuse(
            "disk-full",
            f"{name} has {_megabytes(free)} free below {fact.hello.root} and needs {_megabytes(needed)}",
            f"free {_megabytes(needed - free)} on {name}, then {AGAIN}",
        )
    folders = 0 if release is None or release.digest in fact.releases else whole.folders
    inodes = blobs + folders + RESERVE_INODES
    if fact.disk.free_inodes is not None and fact.disk.free_inodes < inodes:
        yield _refuse(
            "disk-full",
            f"{name} has {fact.disk.free_inodes} free inodes below {fact.hello.root} and needs {inodes}",
            f"remove small files on {name}, then {AGAIN}",
        )


def _lacking(fact: HostFacts, whole: _Size) -> tuple[int, int]:
    """Blobs and bytes a host must still take. A host that has other releases and was not asked may have nearly all: 0 is assumed."""
    if fact.lack is not None:
        return fact.lack.blobs, fact.lack.bytes
    if fact.releases:
        return 0, 0
    return whole.blobs, whole.bytes


def _shadowed(shared: Sequence[str], entries: Sequence[Entry]) -> Iterator[Refused]:
    """A shared path is a link that the host makes: a file of the release at it, below it or in place of a folder above it would hide it."""
    for path in shared:
        above = {"/".join(path.split("/")[:i]) for i in range(1, path.count("/") + 1)}
        hiding = [e.path for e in entries if e.kind != "shared" and (e.path == path or e.path.startswith(path + "/") or e.path in above)]
        if hiding:
            many = f" ({len(hiding)} such files)" if len(hiding) > 1 else ""
            yield _refuse(
                "shadowed",
                f"the release has {hiding[0]!r}, which would hide the shared path {path!r}{many}",
                f"remove {hiding[0]!r} from the repository (git rm --cached), or take {path!r} out of `shared`",
            )


def _dropped(intent: Intent, facts: Mapping[str, HostFacts]) -> Iterator[Refused]:
    """A path that the live generation shares and that has content on a host may not vanish from the next one."""
    holders: dict[str, list[str]] = {}
    for name, fact in sorted(facts.items()):
        for path in (fact.live or {}).get("shared", ()):
            if path not in intent.shipment.shared and any(_touches(path, there) for there in fact.shared):
                holders.setdefault(path, []).append(name)
    for path, names in holders.items():
        yield _refuse(
            "dropped",
            f"the release no longer shares {path!r}, which lives on {_and(names)}",
            f"put {path!r} back into `shared`; to give it up, move shared/{path} away on {_and(names)} first",
        )


def _unanswered(intent: Intent, entries: Sequence[Entry]) -> Iterator[Refused]:
    """Where files are all that serves, a key page that is no file is known to fail; asked only after the switch, visitors would see it."""
    shipment = intent.shipment
    if shipment.static is None or any(process.listens for process in shipment.processes):
        return
    files = {entry.path for entry in entries if entry.kind in ("file", "executable")}
    unknown = tuple(entry.path for entry in entries if entry.kind not in ("file", "executable"))
    for page in intent.environment.key_pages:
        asked = page.path.partition("?")[0].strip("/")
        path = f"{shipment.static}/{asked}" if asked else shipment.static
        could = [path, f"{path}/index.html"] if asked else [f"{path}/index.html"]
        if 200 not in page.status or "%" in asked or files.intersection(could) or any(_touches(path, there) for there in unknown):
            continue
        yield _refuse(
            "key-page",
            f"nothing in this release would answer the key page {page.path}: it has no {' and no '.join(could)}",
            f"commit {' or '.join(could)}, or take {page.path} out of key_pages",
        )


def _touches(path: str, there: str) -> bool:
    return path == there or path.startswith(there + "/") or there.startswith(path + "/")


def _folders(entries: Iterable[Entry]) -> set[str]:
    found: set[str] = set()
    for entry in entries:
        above = entry.path.rpartition("/")[0]
        while above and above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
    return found


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2]) or (0,)


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _refuse(code: str, message: str, hint: str) -> Refused:
    return Refused(message, state=UNTOUCHED, hint=hint, code=code)

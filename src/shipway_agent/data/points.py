"""Declared data in; out, its restore points on this host: `data/<name>/<point>/`, complete under their name or not there at all.

A point is made in a workshop, read back whole, described and renamed last; so a copy that was killed, cut short or found damaged is never
among them. What a session left half made is swept away by the next one.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Protocol, Sequence

from shipway_agent import clock, sending
from shipway_agent.data.alone import alone
from shipway_agent.data.content import Progress, megabytes
from shipway_agent.data.declared import Declared
from shipway_agent.data.programs import Work, work_of
from shipway_agent.errors import AgentError, Missing
from shipway_agent.folder import Folder, plain, write_file
from shipway_agent.primitives import Context, generations
from shipway_agent.root import Root

FOLDER = "data"
ABOUT = "about.json"
LOCK = "lock"

BOOKS = ("shipway_migrations", "django_migrations", "alembic_version")

RESERVE_BYTES = 64 << 20
"""What a copy leaves of the disk, by what its predecessor took: the journal must be written."""


class Source(Protocol):
    """One kind of data: what copies it, reads copies of it, and puts one in its place."""

    def copy(self, into: Folder, progress: Progress) -> Dict[str, Any]: ...

    def read(self, point: Folder, about: Mapping[str, Any]) -> None: ...

    def counts(self) -> Dict[str, Any]: ...

    def put_back(self, point: Folder, about: Mapping[str, Any], stamp: str, say: Callable[[str], None]) -> Dict[str, Any]: ...


def take(
    context: Context,
    data: Declared,
    *,
    why: str,
    for_number: Optional[int] = None,
    may_be_empty: bool = False,
    spare: Sequence[str] = (),
) -> Dict[str, Any]:
    """Take a restore point: its description. Older ones go then, as far as nothing may need them.

    `for_number` is the generation that it is taken right before, `spare` the points that are needed next. Raises AgentError: `point-busy`
    while another one is taken, `disk-full` before anything is written, `data-empty` where there were rows and now there are none, and what
    the kind of data says.
    """
    with (
        context.root.at(f"{FOLDER}/{data.name}", create=True, mode=0o700) as folder,
        alone(folder, LOCK, "taken"),
    ):
        from shipway_agent.data.beside import sweep

        folder.sweep()
        sweep(folder, data, work_of(context, data.environment, data.timeout_seconds))
        before = _newest(folder)
        likely = 0 if before is None else int(before["bytes"])
        refuse_without_room(folder, likely)
        with _opened(folder, before) as last:
            source = source_of(context.root, data, work_of(context, data.environment, data.timeout_seconds), last)
            began, at = time.monotonic(), clock.wall_now()
            with folder.workshop() as inside:
                made = source.copy(inside, Progress(lambda line: say(context, f"{data.name}: {line}"), likely))
                _refuse_empty(data, made, before, may_be_empty)
                source.read(inside, made)
                about = {
                    **made,
                    "point": _named(data.name, at),
                    "data": data.name,
                    "driver": data.driver,
                    "at": at,
                    "seconds": round(time.monotonic() - began, 3),
                    "why": why,
                    "for": for_number,
                    "deployment": context.deployment,
                    "restored": None,
                }
                write_file(inside.fd, ABOUT, _json(about), 0o600)
                inside.sync()
                folder.rename(inside.name, about["point"])
        removed = prune(context.root, folder, data, spare)
    if data.copies:
        sending.later(context.root, context.journal, at)
    told = summary(about)
    tables = "" if data.driver == "files" else f" of {told['tables']} tables"
    what = "files" if data.driver == "files" else "rows"
    note = f"restore point {told['point']}: {told['rows']:,} {what}{tables}, {megabytes(told['bytes'])}, read back whole"
    return {**told, "removed": removed, "note": note}


def listed(root: Root, name: str) -> List[Dict[str, Any]]:
    """All points of the data, oldest first. One whose description cannot be read is {"point", "damaged": why}."""
    try:
        with root.at(f"{FOLDER}/{plain(name)}") as folder:
            return _listed(folder)
    except Missing:
        return []


def names(root: Root) -> List[str]:
    """All data of which there ever was a point here."""
    return [name for name in root.names(FOLDER) if not name.startswith(".")]


@contextmanager
def opened(root: Root, point: str) -> Iterator[Folder]:
    """The folder of a point, which nobody takes away meanwhile. Raises AgentError `no-point`."""
    name = plain(point).rpartition("-")[0].rpartition("-")[0]
    try:
        folder = root.at(f"{FOLDER}/{plain(name)}/{point}") if name else None
    except Missing:
        folder = None
    if folder is None:
        raise AgentError("no-point", f"there is no restore point {point} on this host", point=point)
    with folder:
        fcntl.flock(folder.fd, fcntl.LOCK_SH)
        if root.stat(f"{FOLDER}/{name}/{point}") is None:  # taken away while this one waited
            raise AgentError("no-point", f"there is no restore point {point} on this host", point=point)
        yield folder


def about(point: Folder) -> Dict[str, Any]:
    """The description of a point. Raises AgentError `point-damaged`."""
    try:
        found = json.loads(point.read(ABOUT))
        return {**found, "point": str(found["point"]), "bytes": int(found["bytes"]), "at": float(found["at"])}
    except (Missing, ValueError, KeyError, TypeError):
        raise AgentError("point-damaged", f"{point.full(ABOUT)} does not hold what was written there", path=point.path) from None


def note(point: Folder, **facts: Any) -> None:
    """Add to the description of a point: that it was restored from, or could not be."""
    point.write(ABOUT, _json({**about(point), **facts}), 0o600)


def summary(about: Mapping[str, Any]) -> Dict[str, Any]:
    """What is told of a point: no row sums, which only proofs need."""
    tables = {name: None if count is None else int(count["rows"]) for name, count in about.get("tables", {}).items()}
    return {
        **{key: value for key, value in about.items() if key not in ("tables", "digest", "server")},
        "version": about.get("server", {}).get("version", ""),
        "tables": len(tables),
        "rows": sum(rows for rows in tables.values() if rows is not None),
        "left_out": sorted(name for name, rows in tables.items() if rows is None),
    }


def prune(root: Root, folder: Folder, data: Declared, spare: Sequence[str] = ()) -> List[str]:
    """Take away what is more than `keep` or older than `keep_days`. The newest stays, and what a generation that is here may go back to,

    what is to be spared, and what somebody has open.
    """
    there = [one for one in _listed(folder) if "damaged" not in one]
    kept_for = set(generations.numbers(root))
    newest = {str(one["point"]) for one in there[-data.keep :]}
    oldest_at = None if data.keep_days is None else clock.wall_now() - data.keep_days * 86400
    gone = []
    for one in there[:-1]:
        name, old = str(one["point"]), oldest_at is not None and float(one["at"]) < oldest_at
        wanted = (name in newest and not old) or one.get("for") in kept_for or name in spare
        if not wanted and _remove(folder, name):
            gone.append(name)
    return gone


def source_of(root: Root, data: Declared, work: Work, before: Optional[Folder] = None) -> Source:
    """What copies this kind of data. Raises AgentError `data-driver`, and what the kind says where the data is not there."""
    if data.driver == "postgres":
        from shipway_agent.data.postgres import Postgres

        return Postgres(data, work)
    if data.driver == "sqlite":
        from shipway_agent.data.sqlite import Sqlite

        return Sqlite(root, data, work)
    if data.driver == "files":
        from shipway_agent.data.files import Files

        return Files(root, data, work, before)
    raise AgentError("data-driver", f"this agent knows no data of the kind {data.driver!r}; operator and agent are of different versions")


def refuse_without_room(folder: Folder, likely: int) -> None:
    """Raises AgentError `disk-full` before anything is written that would take about `likely` bytes."""
    free, _ = folder.room()
    needed = likely + likely // 5 + RESERVE_BYTES
    if free < needed:
        message = f"{folder.path} has {free / 1e6:,.0f} MB free, and the restore point would take about {needed / 1e6:,.0f} MB"
        raise AgentError("disk-full", message, path=folder.path, free_bytes=free, needed_bytes=needed)


def say(context: Context, line: str) -> None:
    """A line of output, as tasks have it."""
    context.emit({"event": "output", "key": context.key or FOLDER, "line": line})


def _remove(folder: Folder, name: str) -> bool:
    """False where somebody reads it, or puts it back."""
    with folder.at(name) as point:
        try:
            fcntl.flock(point.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return folder.remove(name)


def _listed(folder: Folder) -> List[Dict[str, Any]]:
    found: List[Dict[str, Any]] = []
    for name in folder.names():
        if name.startswith(".") or name == LOCK:
            continue
        try:
            with folder.at(name) as point:
                found.append(about(point))
        except AgentError as error:
            found.append({"point": name, "damaged": error.message, "at": 0.0, "bytes": 0})
    return sorted(found, key=lambda one: (float(one["at"]), str(one["point"])))


def _newest(folder: Folder) -> Optional[Dict[str, Any]]:
    good = [one for one in _listed(folder) if "damaged" not in one]
    return good[-1] if good else None


@contextmanager
def _opened(folder: Folder, before: Optional[Mapping[str, Any]]) -> Iterator[Optional[Folder]]:
    if before is None:
        yield None
        return
    with folder.at(str(before["point"])) as last:
        yield last


def _refuse_empty(data: Declared, made: Mapping[str, Any], before: Optional[Mapping[str, Any]], may_be_empty: bool) -> None:
    """A database without a row is what is left when something went wrong: the wrong name, a restore that failed half way."""
    if may_be_empty or _rows(made) > 0 or before is None or _rows(before) == 0:
        return
    message = f"data {data.name} has no row any more, and {before['point']} had {_rows(before):,}: it is not taken for a good one"
    raise AgentError("data-empty", message, data=data.name)


def _rows(about: Mapping[str, Any]) -> int:
    """Rows of the application: what is noted of migrations comes and goes with these."""
    own = [count for name, count in about["tables"].items() if name.rpartition(".")[2] not in BOOKS]
    return sum(int(count["rows"]) for count in own if count is not None)


def _named(name: str, at: float) -> str:
    return f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at))}-{os.urandom(2).hex()}"


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1).encode() + b"\n"

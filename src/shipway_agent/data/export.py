"""A restore point and a mask in, one file for people who develop out, told as events: nothing of it stays on this host."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any, Dict, Iterator, Mapping, Optional

from shipway_agent.data import mask as masking
from shipway_agent.data import points
from shipway_agent.data.content import CHUNK, digest_of_file
from shipway_agent.data.declared import Declared
from shipway_agent.data.programs import Work, work_of
from shipway_agent.errors import AgentError
from shipway_agent.folder import Folder
from shipway_agent.primitives import Context

CONTENT = "export"


def export(context: Context, data: Declared, point: str, mask: Optional[Mapping[str, str]]) -> Dict[str, Any]:
    """Tell the content of a masked copy of a point as events {"event": "bytes", "data": base64}: POINT and {"masked": [columns], "kind",
    "export_bytes", "sum"}, the SHA-256 of what was told.

    `mask` is None for a copy as it is. Raises AgentError `mask` where it names no column, masks nothing, or the data has none; and what
    restoring raises.
    """
    with points.opened(context.root, point) as folder, context.root.at(f"{points.FOLDER}/{data.name}") as above:
        about = points.about(folder)
        work = work_of(context, data.environment, data.timeout_seconds)
        source = points.source_of(context.root, data, work)
        source.read(folder, about)
        points.refuse_without_room(above, 2 * int(about["bytes"]))
        with above.workshop() as inside:
            pieces = _made(context, data, folder, about, mask, work, inside)
            hashing, size = hashlib.sha256(), 0
            for piece in pieces:
                hashing.update(piece)
                size += len(piece)
                context.emit({"event": "bytes", "data": base64.b64encode(piece).decode("ascii")})
    kinds = {"postgres": "a dump of PostgreSQL", "sqlite": "a database of SQLite"}
    told = {"masked": sorted(mask or ()), "kind": kinds.get(data.driver, "a tar"), "export_bytes": size, "sum": hashing.hexdigest()}
    return {**points.summary(about), **told}


def _made(
    context: Context,
    data: Declared,
    point: Folder,
    about: Mapping[str, Any],
    mask: Optional[Mapping[str, str]],
    work: Work,
    inside: Folder,
) -> Iterator[bytes]:
    if mask is not None and (not mask or data.driver == "files"):
        raise AgentError("mask", f"data {data.name} has nothing to be masked", data=data.name)
    if data.driver == "files":
        from shipway_agent.data.elsewhere.parcel import packed

        return packed(point)
    if mask is None:
        return _content(point, "dump" if data.driver == "postgres" else "database")
    if data.driver == "sqlite":
        _copy(point, "database", inside)
        masking.mask_sqlite(inside.full(CONTENT), mask)
    else:
        _masked_dump(context, data, point, about, mask, work, inside)
    digest_of_file(inside, CONTENT)  # a regular file of this user, whole on disk
    return _content(inside, CONTENT)


def _masked_dump(
    context: Context,
    data: Declared,
    point: Folder,
    about: Mapping[str, Any],
    mask: Mapping[str, str],
    work: Work,
    inside: Folder,
) -> None:
    from shipway_agent.data.beside import EXPORT, name_beside
    from shipway_agent.data.postgres import Postgres

    database = Postgres(data, work)
    with name_beside(context.root, data, database, EXPORT) as name:
        database.restore(point, about, name, lambda line: points.say(context, line))
        with database.inside(name) as session:
            points.say(context, f"masking {len(mask)} columns")
            masking.mask_postgres(session, mask)
        ended = database.dump(name, about, inside.full(CONTENT))
        if ended.exit != 0:
            raise AgentError("dump", f"pg_dump ended with {ended.exit}; nothing is kept of what it wrote", ended.lines)


def _copy(point: Folder, name: str, inside: Folder) -> None:
    with open(inside.file(CONTENT, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb", CHUNK) as target:
        for part in _content(point, name):
            target.write(part)


def _content(folder: Folder, name: str) -> Iterator[bytes]:
    with open(folder.file(name), "rb", 0) as file:
        while part := file.read(CHUNK):
            yield part

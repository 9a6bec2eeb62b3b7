"""`shipway data export`: a copy of a restore point for people who develop, masked on its host before it leaves it."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.data_points import data_of, keepers, lists, meant, no
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach
from shipway.flows.words import DataExportWords
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import Failed, HostError, HostRefused, WrongInput
from shipway.model.event import Event
from shipway.model.intent import Data
from shipway.model.verdict import Verdict
from shipway.reports.data import Point
from shipway.reports.sizes import size

EXPORT_SECONDS = 6 * 3600.0

UNTOUCHED = "nothing was written, and the live data was not touched"


async def data_export(words: DataExportWords, on_event: Callable[[Event], None]) -> Verdict:
    """Exit 0 once the whole file is there, under its name. Raises WrongInput, Refused, Failed; no file is left then."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    mask = None if words.unmasked else _mask(data_of(words.point, keepers(intent).values()), words.point)
    target = Path(words.to)
    if target.exists() or target.is_symlink():
        hint = "name another file, or move that one away"
        raise WrongInput(f"{target} is there already", state=UNTOUCHED, hint=hint, code="file-there")
    tell = Tell(on_event, time.time)
    async with reach(intent, tell) as fleet:
        point = meant(words.point, await lists(fleet, tell, fleet.names), name)
        answer = await _written(fleet, tell, point, mask, target)
    masked = len(answer["masked"])
    how = f"{masked} column{'s' if masked != 1 else ''} masked" if masked else "UNMASKED"
    told = f"{target} is {answer['kind']} of {point.point}, {size(int(answer['export_bytes']))}, {how}"
    data = {"file": str(target), "point": point.point, "bytes": answer["export_bytes"], "masked": answer["masked"], "lines": [told]}
    return Verdict("answer", 0, told, _use(str(answer["kind"]), target), "", data)


def _mask(data: Data | None, point: str) -> dict[str, str]:
    """What HEAD says, for what was masked when the point was taken may not be all any more. Raises WrongInput."""
    if data is None or not data.mask:
        name = data.name if data is not None else "NAME"
        raise WrongInput(
            f"[data.{name}.mask] names no column, so {point} would leave its host as it is",
            state=UNTOUCHED,
            hint="name there what nobody may see, and commit; --unmasked exports it as it is",
            code="unmasked",
        )
    return dict(data.mask)


async def _written(fleet: Fleet, tell: Tell, point: Point, mask: Mapping[str, str] | None, target: Path) -> dict[str, Any]:
    part = target.with_name(f".{target.name}.{os.urandom(4).hex()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            answer = await _asked(fleet, tell, point, mask, file)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, target)  # never over a file that came meanwhile
        return answer
    except OSError as error:
        hint = "make room or name another file, then the same again"
        raise WrongInput(f"{target} cannot be written: {error.strerror}", state=UNTOUCHED, hint=hint, code="file-there") from error
    finally:
        part.unlink(missing_ok=True)


async def _asked(fleet: Fleet, tell: Tell, point: Point, mask: Mapping[str, str] | None, file: BinaryIO) -> dict[str, Any]:
    hashing = hashlib.sha256()

    def heard(event: Mapping[str, Any]) -> None:
        if event.get("event") == "bytes":
            piece = base64.b64decode(str(event.get("data", "")))
            hashing.update(piece)
            file.write(piece)
        elif event.get("event") == "output":
            tell("output", host=point.host, key=str(event.get("key", "")), line=str(event.get("line", "")))

    args = {"do": "export", "point": point.point, "mask": mask}
    try:
        answer = await fleet.call(point.host, "data", args, on_event=heard, timeout_seconds=EXPORT_SECONDS, again=False)
    except HostRefused as error:
        raise no(error, f"{point.point} was not exported", "mend what is said, then the same again") from error
    except HostError as error:
        raise unreachable({error.host: error}, fleet) from error
    if hashing.hexdigest() != answer["sum"]:
        raise Failed(f"{point.point} did not arrive whole", state=UNTOUCHED, hint="the same again", code="body")
    return answer


def _use(kind: str, target: Path) -> str:
    if "PostgreSQL" in kind:
        return f"createdb NEW && pg_restore --no-owner --no-privileges -d NEW {target}"
    return f"sqlite3 {target}" if "SQLite" in kind else f"tar -xf {target}"

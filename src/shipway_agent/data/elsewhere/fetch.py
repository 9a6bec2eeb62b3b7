"""The name of a restore point and a place that has a copy in, the point on this host again out, read back as every point is."""

from __future__ import annotations

import os
import stat
import time
from functools import partial
from typing import Any, Dict, List

from shipway_agent.data import points
from shipway_agent.data.content import Progress
from shipway_agent.data.declared import Copies, Declared
from shipway_agent.data.elsewhere.parcel import ENDING, unpack
from shipway_agent.data.elsewhere.send import open_store, points_there
from shipway_agent.data.programs import work_of
from shipway_agent.durable import sync_all
from shipway_agent.errors import AgentError, naming
from shipway_agent.folder import Folder
from shipway_agent.primitives import Context
from shipway_agent.walk import walk


def fetch(context: Context, data: Declared, point: str, place: str) -> Dict[str, Any]:
    """Bring `point` back, or the newest copy where `point` is the name of the data: POINT and {"from", "fetch_seconds"}.

    `place` is a destination as it is declared, "" for the first that has it; "from" is null where the point is on this host already.
    Raises AgentError `no-copies`, `no-copy` where no place has it, `copy-place`, `copy-damaged`, `point-damaged`, `disk-full`.
    """
    if point != data.name and any(one["point"] == point and "damaged" not in one for one in points.listed(context.root, data.name)):
        with points.opened(context.root, point) as folder:
            return {**points.summary(points.about(folder)), "from": None, "fetch_seconds": 0.0}
    refusals = []
    for one in _asked(data, place):
        try:
            store = open_store(data, one.to, work_of(context, data.environment, data.timeout_seconds))
            there = points_there(store, data)
            name = next(reversed(list(there)), "") if point == data.name else point
            if name not in there:
                refusals.append(f"{one.to} has {', '.join(list(there)[-3:]) or 'none'}")
                continue
        except AgentError as error:
            refusals.append(f"{one.to}: {error.message}")
            continue
        began = time.monotonic()
        _unpacked(context, data, name, store.get(f"{name}{ENDING}"), there[name])
        with points.opened(context.root, name) as folder:
            found = points.summary(points.about(folder))
        return {**found, "from": one.to, "fetch_seconds": round(time.monotonic() - began, 3)}
    what = f"there is no copy of {data.name}" if point == data.name else f"there is no copy of {point}"
    raise AgentError("no-copy", f"{what} that can be read", refusals, point=point)


def _asked(data: Declared, place: str) -> List[Copies]:
    if not data.copies:
        raise AgentError("no-copies", f"data {data.name} declares no copies", data=data.name)
    found = [one for one in data.copies if not place or one.to == place]
    if not found:
        declared = ", ".join(one.to for one in data.copies)
        raise AgentError("no-copies", f"{place} is no place where copies of {data.name} are; there is {declared}", data=data.name)
    return found


def _unpacked(context: Context, data: Declared, point: str, content: Any, size: int) -> None:
    with context.root.at(f"{points.FOLDER}/{data.name}", create=True, mode=0o700) as folder:
        points.refuse_without_room(folder, size)
        with folder.workshop() as inside:
            progress = Progress(lambda line: points.say(context, f"{data.name}: {line}"), size)
            unpack(content, inside, progress.at)
            about = points.about(inside)
            if (about["point"], about.get("data"), about.get("driver")) != (point, data.name, data.driver):
                raise AgentError("copy-damaged", f"the copy of {point} says that it is {about['point']} of {about.get('data')}")
            points.source_of(context.root, data, work_of(context, data.environment, data.timeout_seconds)).read(inside, about)
            _sync(inside)
            if folder.stat(point) is not None:
                folder.remove(point)  # it is there, and is damaged
            folder.rename(inside.name, point)


def _sync(tree: Folder) -> None:
    paths = [b"", *(raw for raw, _, _, info in walk(tree) if stat.S_ISDIR(info.st_mode))]

    def open_again(path: bytes) -> int:
        with tree.at(path) as place:
            return os.dup(place.fd)

    with naming(tree.path):
        sync_all(partial(open_again, path) for path in paths)

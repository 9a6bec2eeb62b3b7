"""Restore points of this host in, copies of them in every place that their data declares out: those that lack are sent, the newest first,

and what a place has more of than it is to keep is taken away there.
"""

from __future__ import annotations

import re
import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional

from shipway_agent import clock
from shipway_agent.data import points
from shipway_agent.data.content import Progress, megabytes
from shipway_agent.data.declared import Copies, Declared, declared, declared_names
from shipway_agent.data.elsewhere import state
from shipway_agent.data.elsewhere.parcel import ENDING, packed
from shipway_agent.data.elsewhere.place import place_of
from shipway_agent.data.elsewhere.state import Known
from shipway_agent.data.elsewhere.store import Store, store_at
from shipway_agent.data.programs import Work, work_of
from shipway_agent.errors import AgentError
from shipway_agent.primitives import Context
from shipway_agent.root import Root

Say = Callable[[str], None]

LOOK_SECONDS = 0.25
WAIT_SECONDS = 3600.0
"""How long a person waits for the process beside the supervisor, which sends the same."""


def send(context: Context, data: Declared, *, wait_seconds: float = WAIT_SECONDS) -> Dict[str, Any]:
    """Send what lacks, to every place: {"sent": [[point, to]], "copies": as `data list` tells them, "note"}.

    A place that says no is told in its row, and holds up no other. Raises AgentError `no-copies` where none is declared, `busy`.
    """
    if not data.copies:
        raise AgentError("no-copies", f"data {data.name} declares no copies", data=data.name)
    with context.root.copying_lock(wait_seconds):
        before = state.read(context.journal, data.name)
        known = {one.to: before.get(one.to, Known()) for one in data.copies}
        sent: List[List[str]] = []
        for one in data.copies:
            known[one.to] = _tend(context, data, one, known[one.to], sent)
            state.write(context.journal, data.name, known)
    return {"sent": sent, "copies": state.told(known, data.copies), "note": _note(sent, known)}


def send_all(context: Context) -> Optional[float]:
    """For all data that this host keeps: when the next try is due, by the wall clock; None for never."""
    again: List[float] = []
    member = context.journal.member().name
    for name in declared_names(context.root):
        try:
            data = declared(context.root, name)
            if not data.copies or data.host != member:
                continue
            send(context, data)
        except AgentError as error:
            points.say(context, f"{name}: {error.message}")
            again += [clock.wall_now() + state.FIRST_PAUSE_SECONDS] if error.code == "busy" else []
            continue
        now = clock.wall_now()
        again += [at for one in state.read(context.journal, name).values() for at in [one.again_at(now)] if at is not None]
    return min(again, default=None)


def points_there(store: Store, data: Declared) -> Dict[str, int]:
    """The points of the data that a place has, oldest first: their bytes."""
    pattern = re.compile(re.escape(data.name) + r"-\d{8}T\d{6}Z-[0-9a-f]{4}" + re.escape(ENDING))
    return {name[: -len(ENDING)]: size for name, size in sorted(store.names().items()) if pattern.fullmatch(name)}


def open_store(data: Declared, to: str, work: Work) -> Store:
    """The place as the data declares it. Raises AgentError `copy-place`."""
    try:
        return store_at(place_of(to), data.folder, data.keys, work)
    except ValueError as fault:
        raise AgentError("copy-place", f"{to} {fault}") from None


def _tend(context: Context, data: Declared, one: Copies, known: Known, sent: List[List[str]]) -> Known:
    """What is known of the place behind this try."""

    def say(line: str) -> None:
        points.say(context, f"{data.name}: {line}")

    work = work_of(context, data.environment, data.timeout_seconds)
    there: Dict[str, int] = dict(known.points)
    try:
        store = open_store(data, one.to, work)
        there = points_there(store, data)
        if known.points and not there:
            say(f"{one.to} has none of the {len(known.points)} copies any more that it had")
        for point in _lacking(context.root, data, one, there):
            _put(context, store, point, work, say)
            sent.append([str(point["point"]), one.to])
            say(f"{point['point']} is at {one.to}, {megabytes(int(point['bytes']))}, read back")
        there = points_there(store, data)
        for name in list(there)[: -one.keep]:
            store.drop(f"{name}{ENDING}")
            del there[name]
    except AgentError as error:
        say(f"no copy at {one.to}: {error.message}")
        return Known(there, known.listed, known.error, known.since, known.tries).failed(error.message, clock.wall_now())
    return Known(there, clock.wall_now())


def _lacking(root: Root, data: Declared, one: Copies, there: Mapping[str, int]) -> List[Dict[str, Any]]:
    """Those among the newest `keep` of everything that exists which the place has not, newest first."""
    here = {str(point["point"]): point for point in points.listed(root, data.name) if "damaged" not in point}
    newest = sorted({*here, *there})[-one.keep :]
    return [here[name] for name in reversed(newest) if name in here and name not in there]


def _put(context: Context, store: Store, point: Mapping[str, Any], work: Work, say: Say) -> None:
    likely = int(point["bytes"])
    progress = Progress(say, likely)
    with points.opened(context.root, str(point["point"])) as folder:
        store.put(f"{point['point']}{ENDING}", _watched(packed(folder), work, progress), likely)


def _watched(content: Iterable[bytes], work: Work, progress: Progress) -> Iterator[bytes]:
    done, looked = 0, 0.0
    for part in content:
        done += len(part)
        yield part
        if time.monotonic() < looked + LOOK_SECONDS:
            continue
        looked = time.monotonic()
        if work.moot():
            raise AgentError("ended", "the copy was ended, for nobody waits for it any more")
        if work.left() <= 0:
            raise AgentError("data-timeout", "the copy did not end within the bound of the data (timeout_seconds)")
        progress.at(done)


def _note(sent: List[List[str]], known: Mapping[str, Known]) -> str:
    behind = [f"{to}: {one.error}" for to, one in known.items() if one.error]
    words = f"{len(sent)} cop{'y' if len(sent) == 1 else 'ies'} sent"
    return "; ".join([words, *behind])

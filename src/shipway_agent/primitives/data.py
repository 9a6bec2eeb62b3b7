"""What a generation declares as its data in, a restore point of it out: the step of a deployment, and what operators ask beside one."""

from __future__ import annotations

import os
import time

from shipway_agent import clock
from shipway_agent.apply import pointed
from shipway_agent.data import points
from shipway_agent.data.declared import Declared, declared, declared_names
from shipway_agent.data.migrations.migration import EXPAND, HELD
from shipway_agent.data.programs import work_of
from shipway_agent.errors import AgentError
from shipway_agent.folder import Folder
from shipway_agent.hold import touch
from shipway_agent.primitives import Context
from shipway_agent.primitives.migrations import pending_of
from shipway_agent.primitives.tasks import wait_for_orphans
from shipway_agent.record import replace
from shipway_agent.typed import Any, Dict, List, Mapping, Optional

NOT_YET = {"no-database": "there is no database at {path} yet", "no-directory": "there is no directory {path} yet"}
"""What a first deployment finds of data that it makes itself, by the code of the refusal."""


def take(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """The step: a restore point of the data as `generation` declares it. What a killed agent had begun is ended first, and begun anew.

    Where there never was a point and nothing is there yet, nothing can be lost: {"skipped", "note"}. What is to be put back behind it
    (`spare`) does not go for it.

    Raises AgentError as points.take does.
    """
    if context.unknown:
        wait_for_orphans(context, context.key)
    number = int(args["generation"])
    if args.get("if_pending") and not pending_of(context, [EXPAND, HELD]):
        return {"skipped": True, "note": f"no restore point of {args['name']}: no migrations are pending"}
    data = replace(declared(context.root, str(args["name"]), number), timeout_seconds=float(args["timeout_seconds"]))
    spare = [str(point) for point in args.get("spare", ())]
    try:
        if args.get("why"):
            return points.take(context, data, why=str(args["why"]), spare=spare)
        return points.take(context, data, why="before a deployment", for_number=number, spare=spare)
    except AgentError as error:
        if error.code not in NOT_YET or points.listed(context.root, data.name):
            raise
        return {"skipped": True, "note": f"{NOT_YET[error.code].format(path=error.facts['path'])}: no restore point of {data.name}"}


def listed(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """All points of this host, by the data that they are of, and what it knows of copies elsewhere of the data that it keeps:

    {"data": {name: [POINT]}, "copies": {name: [COPIES]}, "declared": [names], "clock"}.
    """
    there = declared_names(context.root)
    found = {name: [points.summary(one) for one in points.listed(context.root, name)] for name in {*points.names(context.root), *there}}
    return {"data": found, "copies": _copies(context, there), "declared": there, "clock": clock.wall_now()}


def check(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """As `listed`, and what would stop the next point or a restore: {"checks": {name: {"refusal", "no_restore"}}}. It asks databases."""
    from shipway_agent.data.check import check

    return {**listed(context, args), "checks": check(context)}


def back_up(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """A restore point of data that the live generation declares, because somebody asked for one."""
    data = declared(context.root, str(args["name"]))
    return points.take(context, data, why=str(args.get("why") or "by hand"), may_be_empty=bool(args.get("may_be_empty")))


def send(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Send the copies of one data that lack elsewhere, now: {"sent": [[point, to]], "copies": [COPIES], "note"}."""
    from shipway_agent.data.elsewhere.send import send

    return send(context, declared(context.root, str(args["name"])))


def fetch(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Bring a point back from a copy elsewhere: POINT and {"from", "fetch_seconds"}."""
    from shipway_agent.data.elsewhere.fetch import fetch

    return fetch(context, declared(context.root, str(args["name"])), str(args["point"]), str(args.get("from") or ""))


def export(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Tell a copy of a point as events, masked unless `mask` is null: POINT and {"masked", "kind", "export_bytes", "sum"}."""
    from shipway_agent.data.export import export

    with points.opened(context.root, str(args["point"])) as point:
        name = str(points.about(point)["data"])
    mask = args.get("mask")
    return export(
        context, declared(context.root, name), str(args["point"]), None if mask is None else {str(k): str(v) for k, v in mask.items()}
    )


def verify(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Read a point back; with `restore` make of it what it is a copy of, beside the live one, compare every row, and take that away again:

    {"point", "seconds", "restored": {"seconds", "bytes"}?}. Raises AgentError `no-point`, `point-damaged`, and what restoring raises.
    """
    with points.opened(context.root, str(args["point"])) as point:
        about = points.about(point)
        data = declared(context.root, str(about["data"]))
        before = time.monotonic()
        source = points.source_of(context.root, data, work_of(context, data.environment, data.timeout_seconds))
        source.read(point, about)
        answer: Dict[str, Any] = {**points.summary(about), "read_seconds": round(time.monotonic() - before, 3)}
        if args.get("restore"):
            answer["restored"] = _restored(context, data, point, about)
            points.note(point, restored={"at": clock.wall_now(), **answer["restored"]})
        return answer


def compare(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """What would be lost if a point took the place of what is there: POINT and {"rows_now", "differing": [[table, rows in it, rows now]]}.

    `rows_now` is null where what is there cannot be counted any more; {"why"} says why.
    """
    with points.opened(context.root, str(args["point"])) as point:
        about = points.about(point)
    data = declared(context.root, str(about["data"]))
    told = points.summary(about)
    try:
        now = points.source_of(context.root, data, work_of(context, data.environment, data.timeout_seconds)).counts()
    except AgentError as error:
        return {**told, "rows_now": None, "differing": [], "why": error.message}
    then = {table: count for table, count in about["tables"].items() if count is not None}
    tables = sorted({*then, *(table for table in now if table not in about["tables"])})
    differing = [
        [table, _rows(then.get(table)), _rows(now.get(table))] for table in tables if _rows(then.get(table)) != _rows(now.get(table))
    ]
    return {**told, "rows_now": sum(int(count["rows"]) for table, count in now.items() if table in tables), "differing": differing}


def put_back(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """The step: a point takes the place of what is there, which is kept: POINT and {"kept", "swap_seconds", "put_back_seconds", "note"}.

    Where requests wait (`held`) the record is told before anything changes (hold.touch). A point that cannot be read back is refused
    before that. What is kept bears the name of the deployment: done again, by a driver that did not hear the end of it, it takes the place
    once. `generation` declares the data, by default what serves.
    """
    if context.unknown:
        wait_for_orphans(context, context.key)
    with points.opened(context.root, str(args["point"])) as point:
        about = points.about(point)
        data = declared(context.root, str(about["data"]), args.get("generation"))
        began = time.monotonic()
        source = points.source_of(context.root, data, work_of(context, data.environment, data.timeout_seconds))
        source.read(point, about)
        if args.get("held"):
            touch(context, data.name)
        made = source.put_back(point, about, _stamp(context, about), lambda line: points.say(context, line))
        seconds = round(time.monotonic() - began, 3)
        points.note(point, restored={"at": clock.wall_now(), "seconds": seconds, "bytes": int(about["bytes"])})
    note = f"{data.name} is as it was at {about['point']}; what was there is kept: {made['kept']}"
    return {**points.summary(about), **made, "put_back_seconds": seconds, "note": note}


def _copies(context: Context, names: List[str]) -> Dict[str, List[Dict[str, Any]]]:
    from shipway_agent.data.elsewhere import state

    member, found = context.journal.member().name, {}
    for name in names:
        try:
            data = declared(context.root, name)
        except AgentError:
            continue  # a variable is missing: whoever needs its value is told
        if data.copies and data.host == member:
            rows = state.told(state.read(context.journal, name), data.copies)
            found[name] = [{**row, "beside": True} if _is_beside(context, str(row["to"])) else row for row in rows]
    return found


def _is_beside(context: Context, to: str) -> bool:
    """Whether a place is a directory on the disk that the points are on: where nothing is mounted it is there all the same."""
    try:
        return to.startswith("/") and os.stat(to).st_dev == os.stat(context.root.path).st_dev
    except OSError:
        return False


def _stamp(context: Context, about: Mapping[str, Any]) -> str:
    """A deployment may put two points in place: an earlier one, and its own when it goes back."""
    stamp = context.deployment.replace("-", "_")
    return stamp if about.get("deployment") == context.deployment else f"{stamp}_{str(about['point']).rpartition('-')[2]}"


def _rows(count: Optional[Mapping[str, Any]]) -> Optional[int]:
    return None if count is None else int(count["rows"])


def _restored(context: Context, data: Declared, point: Folder, about: Mapping[str, Any]) -> Dict[str, Any]:
    """Restore beside the live data, and take it away again."""
    if data.driver != "postgres":
        return {"seconds": 0.0, "bytes": int(about["bytes"])}  # what was read is what would be put back, file by file
    from shipway_agent.data.beside import VERIFY, name_beside
    from shipway_agent.data.postgres import Postgres

    database = Postgres(data, work_of(context, data.environment, data.timeout_seconds))
    with name_beside(context.root, data, database, VERIFY) as name:
        began = time.monotonic()
        made = database.restore(point, about, name, lambda line: points.say(context, line))
        seconds = round(time.monotonic() - began, 3)
    return {"seconds": seconds, "bytes": made["bytes"]}


def schema(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """What the database that migrations of the live generation change says of its schema (data/migrations/run.py)."""
    number = pointed(context.root)
    if number is None:
        return {"known": False, "applied": [], "open": "", "sizes": {}, "took": {}, "generations": {}}
    from shipway_agent.data.migrations import run

    return run.schema(context, number)


def settle(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """A person says how a migration ended that has no known ending: {"note"}. Raises AgentError `no-open-migration`, `no-generation`."""
    number = pointed(context.root)
    if number is None:
        raise AgentError("no-generation", "nothing is current on this host, so nothing is declared here either")
    from shipway_agent.data.migrations import run

    return run.settle(context, number, str(args["migration"]), str(args["how"]))


def rehearse(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Whether a generation starts with the data of restore points, beside what serves: as data/rehearsal.py has it."""
    from shipway_agent.data.rehearsal import rehearse as started

    return started(context, int(args["generation"]), {str(name): str(point or "") for name, point in args["points"].items()})


CALLS = {
    "schema": schema,
    "settle": settle,
    "rehearse": rehearse,
    "list": listed,
    "backup": back_up,
    "verify": verify,
    "compare": compare,
    "send": send,
    "fetch": fetch,
    "export": export,
    "check": check,
}
"""What the call `data` may ask: by its `do`."""


def answer(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """The call `data`. Raises AgentError `unknown-call`."""
    do = str(args.get("do"))
    if do not in CALLS:
        raise AgentError("unknown-call", f"this agent knows no call {do!r} of data; operator and agent are of different versions")
    return CALLS[do](context, args)


__all__: List[str] = ["answer", "take"]

"""The data that this host keeps in; out, what would stop the next restore point or a restore of one. Nothing is written."""

from __future__ import annotations

import re
import time
from typing import Any, Dict, List, Mapping

from shipway_agent.data import points, programs
from shipway_agent.data.declared import Declared, declared, declared_names
from shipway_agent.data.postgres import SERVER, Postgres
from shipway_agent.data.programs import Work, work_of
from shipway_agent.data.psql import Psql
from shipway_agent.errors import AgentError
from shipway_agent.primitives import Context
from shipway_agent.record import replace

SECONDS = 20.0
MAY_MAKE = "SELECT json_build_array(rolname, rolcreatedb OR rolsuper) FROM pg_roles WHERE rolname = current_user;"


def check(context: Context) -> Dict[str, Dict[str, Any]]:
    """{name: {"refusal": null | {"code", "message"}, "no_restore": why or ""}} for each data that is kept here.

    `refusal` is why no point can be taken, `no_restore` why none can be restored.
    """
    member = context.journal.member().name
    found: Dict[str, Dict[str, Any]] = {}
    for name in declared_names(context.root):
        try:
            data = declared(context.root, name)
            if data.host != member:
                continue
            work = work_of(context, data.environment, SECONDS)
            no_restore = _postgres(data, work) if data.driver == "postgres" else _local(context, data, work)
            found[name] = {"refusal": None, "no_restore": no_restore}
        except AgentError as error:
            found[name] = {"refusal": {"code": error.code, "message": error.message}, "no_restore": ""}
    return found


def _local(context: Context, data: Declared, work: Work) -> str:
    points.source_of(context.root, data, work)
    return ""


def _postgres(data: Declared, work: Work) -> str:
    database = Postgres(data, work)
    with Psql(work, database.address) as session:
        server: Mapping[str, Any] = session.one(SERVER)
    major = int(server["number"]) // 10000
    for name in ("pg_dump", "pg_restore"):
        _refuse_older(programs.find(name, major, work.environment), major, server["version"], work)
    try:
        with database.maintenance() as session:
            name, may = session.one(MAY_MAKE)
    except AgentError as error:
        return error.message
    return "" if may else f"{name} may not make databases, which a restore begins with"


def _refuse_older(path: str, major: int, version: object, work: Work) -> None:
    """A program from PATH may be of any version; one that is older than the server refuses only when it is needed."""
    said = programs.run([path, "--version"], replace(work, until=min(work.until, time.monotonic() + SECONDS))).output.decode(
        "utf-8", "replace"
    )
    numbers: List[str] = re.findall(r"\d+", said)
    if numbers and int(numbers[0]) < major:
        what = f"{path} is of version {numbers[0]}, and the server of {version}: install its client (Debian: postgresql-client-{major})"
        raise AgentError("no-program", what, program=path)

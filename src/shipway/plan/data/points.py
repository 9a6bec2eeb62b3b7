"""Intent in; out, which host takes restore points of which data, and the wave of a deployment in which they are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shipway.model.facts import Json
from shipway.model.intent import Data, Intent
from shipway.model.plan import Step, Wave
from shipway.plan.jobs import owner
from shipway.plan.runtimes.process import fits
from shipway_agent.record import replace

GRACE_SECONDS = 30.0
"""What a step needs on top of the copy that it is for."""


def data_table(intent: Intent) -> list[dict[str, Any]]:
    """What every generation says of the data, without a value of any variable; each with the host that keeps its points."""
    return [_row(data, keeper(data, intent)) for data in intent.environment.data]


def data_again(intent: Intent, targets: Mapping[str, Json]) -> dict[str, Any]:
    """The same for an earlier generation that becomes current again: as HEAD says, for what may not be lost is not forgotten by going back.

    `targets` are its documents by host. Data of which its environment does not say where it is are left out. {} where it says nothing.
    """
    rows = [row for row in data_table(intent) if not _unsaid(row, targets.get(str(row["host"]), {}))]
    return {"data": rows} if rows or any(document.get("data") for document in targets.values()) else {}


def _unsaid(row: Json, document: Json) -> list[str]:
    """Variables that the row names and that the generation does not have on the host that keeps the points."""
    known = set(document.get("env_digests", ()))
    named = [str(row[key]) for key in ("url", "admin_url") if row.get(key)]
    return [name for name in named if name not in known and f"data.{row['name']}.{name}" not in known]


def keeper(data: Data, intent: Intent) -> str:
    """The first host by id that has its roles, those that are left out among them: "" where none has."""
    return owner(data.roles, intent.environment)


def point_waves(
    intent: Intent, documents: Mapping[str, Json], number: int, *, changes: bool, may_migrate: bool = False
) -> tuple[Wave, ...]:
    """The wave in which restore points are taken, all at once, right before what may change data; none where nothing is taken.

    `changes` when tasks that users may see the effect of are about to run. Where only migrations `may` run, the host takes a point if its
    own look has found some.
    """
    wanted = [
        data for data in intent.environment.data if data.points == "always" or (data.points == "changes" and (changes or may_migrate))
    ]
    steps: dict[str, tuple[Step, ...]] = {}
    for data in wanted:
        host = keeper(data, intent)
        if host in documents:
            steps[host] = (*steps.get(host, ()), point_take(data, number, if_pending=not changes and data.points != "always"))
    names = ", ".join(data.name for data in wanted)
    return (Wave(f"restore points of {names}", "activate", steps),) if steps else ()


def point_take(data: Data, number: int, *, if_pending: bool = False, spare: Sequence[str] = ()) -> Step:
    """A restore point of the data as generation `number` declares it, taken right before that one; or only `if_pending` migrations are.

    Older points may go then, but not those of `spare`.
    """
    args = {
        "generation": number,
        "name": data.name,
        "timeout_seconds": data.timeout_seconds,
        **({"if_pending": True} if if_pending else {}),
        **({"spare": list(spare)} if spare else {}),
    }
    return Step(f"point:{data.name}", "data.take", args, f"take a restore point of {data.name}", data.timeout_seconds + GRACE_SECONDS)


def point_behind(data: Data, number: int) -> Step:
    """Another one, of what generation `number` has written since it serves, right before contract migrations. It is for no generation."""
    step = point_take(data, number)
    return replace(step, key=f"{step.key}:behind", args={**step.args, "why": "before contract migrations"})


def point_notes(intent: Intent, *, changes: bool) -> list[str]:
    """What a person should know of points that are not taken, or by nobody, and of data that each host has for itself."""
    notes = [note for data in intent.environment.data if (note := _own_file(data, intent))]
    away = {host.name for host in intent.environment.without}
    for data in intent.environment.data:
        host = keeper(data, intent)
        if not host:
            notes.append(f"no restore point of {data.name} is taken: no host has its roles ({', '.join(data.roles)})")
        elif host in away and (data.points == "always" or (data.points == "changes" and changes)):
            notes.append(f"no restore point of {data.name} is taken: {host}, which keeps them, is left out")
    return notes


def _own_file(data: Data, intent: Intent) -> str:
    hosts = [host.name for host in intent.environment.hosts if fits(data.roles, host)]
    if data.driver != "sqlite" or len(hosts) < 2:
        return ""
    migrations = intent.shipment.migrations
    alone = "its migrations and restore points are" if migrations is not None and migrations.data == data.name else "its restore points are"
    return (
        f"{data.name} is a file of SQLite, and each of {', '.join(hosts)} has one of its own: {alone} of {keeper(data, intent)} alone; "
        f"give [data.{data.name}] roles that one host has, or use a database that all reach"
    )


def _row(data: Data, host: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": data.name, "driver": data.driver, "host": host, "keep": data.keep}
    more = {
        "url": data.url,
        "admin_url": data.admin_url,
        "path": data.path,
        "leave_out": list(data.leave_out),
        "keep_days": data.keep_days,
        "copies": [{"to": one.to, "keep": one.keep} for one in data.copies],
    }
    return {**row, "timeout_seconds": data.timeout_seconds, **{key: value for key, value in more.items() if value}}

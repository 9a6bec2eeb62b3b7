"""A generation on this host in, what it says of its migrations out: their kind, their commands, and the data that they change."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, Optional

from shipway_agent import clock
from shipway_agent.data.declared import Declared, declared
from shipway_agent.errors import AgentError
from shipway_agent.orphans import marker_for
from shipway_agent.primitives import Context, generations
from shipway_agent.primitives.tasks import Runner, environment_of
from shipway_agent.record import dataclass
from shipway_agent.root import Root
from shipway_agent.surroundings import with_tools


@dataclass(frozen=True)
class Migrations:
    """`run`, `show` and `reverse` are commands of the release (a string is for the shell). `path` is "" for where the adapter looks."""

    adapter: str
    generation: int
    release: str
    data: Declared
    path: str
    directory: str
    run: Any = None
    show: Any = None
    reverse: Any = None
    held: bool = False
    lock_seconds: float = 10.0
    timeout_seconds: float = 600.0


def migrations_of(root: Root, number: int) -> Optional[Migrations]:
    """What the generation declares; None where it declares none. Raises AgentError `no-generation`, `no-data`, `no-url`."""
    document = generations.read(root, number)
    if document is None:
        raise AgentError("no-generation", f"generation {number} is not on this host", generation=number)
    row = document.get("migrations")
    if not row:
        return None
    return Migrations(
        adapter=str(row["adapter"]),
        generation=number,
        release=str(document["release"]),
        data=declared(root, str(row["data"]), number),
        path=str(row.get("path") or ""),
        directory=str(row.get("directory") or "."),
        run=row.get("run"),
        show=row.get("show"),
        reverse=row.get("reverse"),
        held=bool(row.get("held")),
        lock_seconds=float(row["lock_seconds"]),
        timeout_seconds=float(row["timeout_seconds"]),
    )


def folder_of(root: Root, declared: Migrations) -> str:
    """The directory of the release in which its commands run. Raises AgentError `directory`."""
    release = root.full(f"releases/{declared.release}")
    found = os.path.realpath(f"{release}/{declared.directory}")
    if (found != release and not found.startswith(f"{release}/")) or not os.path.isdir(found):
        raise AgentError("directory", f"migrations: {declared.directory!r} is no directory of the release", path=found)
    return found


def runner_of(context: Context, declared: Migrations, more: Optional[Dict[str, str]] = None) -> Runner:
    """What runs commands of the release for its migrations, as a task runs; a statement of PostgreSQL waits `lock_seconds` for a lock."""
    document = generations.read(context.root, declared.generation)
    assert document is not None
    seconds = min(declared.timeout_seconds, context.left(time.monotonic()))
    marked = marker_for(context.root, context.deployment, context.key, clock.boot_now() + seconds)
    environment = environment_of(document, generations.env_of(context.root, declared.generation), "", marked)
    options = f"{environment.get('PGOPTIONS', '')} -c lock_timeout={round(declared.lock_seconds * 1000)}".strip()
    whole = {**with_tools(environment, context.root.path, document), "PGOPTIONS": options, **(more or {})}
    return Runner(folder_of(context.root, declared), whole, seconds)

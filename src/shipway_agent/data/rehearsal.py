"""A generation and restore points in; out, whether its release starts and is healthy with the data of these points.

All of it happens beside what serves: a copy of the tree with a `shared/` of its own, a database under another name, a port that no proxy
dials. All of it is taken away again; what a killed agent has left of it, the next rehearsal takes away.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional
from urllib.parse import quote, urlsplit, urlunsplit

from shipway_agent import clock, probes
from shipway_agent.address import of_port, of_socket
from shipway_agent.apply import pointed
from shipway_agent.data import points
from shipway_agent.data.declared import Declared, declared
from shipway_agent.data.postgres import Postgres, beside
from shipway_agent.data.programs import work_of
from shipway_agent.errors import AgentError
from shipway_agent.folder import Folder
from shipway_agent.orphans import marker_for
from shipway_agent.primitives import Context, generations
from shipway_agent.primitives.tasks import Runner
from shipway_agent.spawn import argv_of, choose_port, directory_in, environment_of
from shipway_agent.surroundings import with_tools

FOLDER = "check"
LOCK = "lock"
SQLITE = "database"
LAST_LINES = 20

Say = Callable[[str], None]


def rehearse(context: Context, number: int, wanted: Mapping[str, str]) -> Dict[str, Any]:
    """{"healthy": bool, "why", "lines", "seconds", "points": [names]}. `wanted` names a point of each database, "" for one that is taken
    now. Shared files are not copied. A variable that leads to a database of which there is no copy is not set: nothing live is found.

    Raises AgentError `no-generation`, `no-listener`, and what taking and restoring a point raises.
    """
    document = generations.read(context.root, number)
    if document is None:
        raise AgentError("no-generation", f"generation {number} is not on this host", generation=number)
    process = next((one for one in document["processes"] if one["listens"]), None)
    if process is None:
        raise AgentError("no-listener", f"nothing of generation {number} listens on this host, so nothing can be asked", generation=number)
    began = time.monotonic()
    with context.root.at(FOLDER, create=True, mode=0o700) as folder, _alone(folder):
        folder.sweep()
        return {**_rehearsed(context, document, process, wanted, folder), "seconds": round(time.monotonic() - began, 3)}


def _rehearsed(
    context: Context, document: Mapping[str, Any], process: Mapping[str, Any], wanted: Mapping[str, str], folder: Folder
) -> Dict[str, Any]:
    used = {
        name: point or points.take(context, declared(context.root, name), why="to check a revert")["point"]
        for name, point in wanted.items()
    }
    with ExitStack() as after:
        inside = after.enter_context(folder.workshop())
        rows = [*_rows(context), *document.get("data", ())]
        env: Dict[str, Optional[str]] = {str(row[key]): None for row in rows for key in ("url", "admin_url") if row.get(key)}
        for name, point in used.items():
            own = [row for row in rows if row["name"] == name]
            env.update(_cloned(context, declared(context.root, name), own, point, inside, after))
        _tree(context, document, inside)
        found = _started(context, document, process, env, inside)
    return {**found, "points": list(used.values())}


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    fd = folder.file(LOCK, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise AgentError("point-busy", "a revert is being checked on this host already") from None
    finally:
        os.close(fd)


def _cloned(
    context: Context, data: Declared, rows: List[Mapping[str, Any]], point: str, inside: Folder, after: ExitStack
) -> Dict[str, str]:
    """Make of a point what the release finds as its data; the variables that say where, as what serves calls them and as it does itself."""
    say = _sayer(context)
    with points.opened(context.root, point) as at:
        about = points.about(at)
        source = points.source_of(context.root, data, work_of(context, data.environment, data.timeout_seconds))
        source.read(at, about)
        if isinstance(source, Postgres):
            name = beside(str(about["server"]["database"]), "check", data.name)
            source.drop(name)  # of an agent that was killed
            source.restore(at, about, name, say)
            after.callback(source.drop, name)
            return {str(row["url"]): _with_database(data.url, name) for row in rows if row.get("url")}
        if data.driver == "sqlite":
            path = f"{inside.path}/shared/{rows[-1].get('path') or data.path}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copyfile(at.full(SQLITE), path)
        return {}


def _tree(context: Context, document: Mapping[str, Any], inside: Folder) -> None:
    """The release's tree, whose links lead to a `shared/` of its own: only what was cloned is in that."""
    release, root = str(document["release"]), context.root.path
    shutil.copytree(f"{root}/releases/{release}", f"{inside.path}/releases/{release}", symlinks=True)
    os.symlink(f"{root}/outputs", f"{inside.path}/outputs")
    for path in document.get("shared", ()):
        link = f"{inside.path}/releases/{release}/{path}"
        target = os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link))) if os.path.islink(link) else ""
        if target.startswith(f"{inside.path}/shared/"):
            os.makedirs(target, exist_ok=True)


def _started(
    context: Context, document: Mapping[str, Any], process: Mapping[str, Any], env: Mapping[str, Optional[str]], inside: Folder
) -> Dict[str, Any]:
    """Run one copy of the process until it is healthy, and end it. In `env`, None is for what is not set."""
    health: Optional[Mapping[str, Any]] = process.get("health")
    within = min(float(health["within_seconds"]) if health else 30.0, context.left(time.monotonic()))
    port, socket = str(choose_port(frozenset())), f"{inside.path}/s"
    address = of_socket(socket) if process["listens"] == "socket" else of_port(int(port))
    kept = generations.env_of(context.root, int(document["number"]))
    marked = marker_for(context.root, context.deployment, FOLDER, clock.boot_now() + within)
    merged = {**environment_of(document, kept, str(process["name"]), address, marked), **env}
    whole = {name: value for name, value in merged.items() if value is not None}
    directory = directory_in(f"{inside.path}/releases/{document['release']}", str(process.get("directory") or "."))
    runner = Runner(directory, with_tools(whole, context.root.path, document), within, literal=True)
    seen: List[Optional[str]] = ["it was not asked yet"]

    def healthy() -> bool:
        seen[0] = probes.healthy(address, health)
        return seen[0] is None

    ended = runner.run(argv_of(process["run"], port, socket), within, _sayer(context), healthy)
    good = ended.exit is None and seen[0] is None
    why = "" if good else f"it ended with {ended.exit}" if ended.exit is not None else f"it was not healthy within {within:g} s: {seen[0]}"
    return {"healthy": good, "why": why, "lines": ended.lines[-LAST_LINES:]}


def _rows(context: Context) -> List[Mapping[str, Any]]:
    number = pointed(context.root)
    document = None if number is None else generations.read(context.root, number)
    return list((document or {}).get("data", ()))


def _sayer(context: Context) -> Say:
    return lambda line: points.say(context, line)


def _with_database(url: str, name: str) -> str:
    """The same URL to another database."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{quote(name, safe='')}"))

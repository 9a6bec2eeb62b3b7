"""A tree in, how a Flask, FastAPI or other WSGI or ASGI application is installed and run out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shipway.detect import python_install
from shipway.detect.python_packages import Packages, normal, packages
from shipway.detect.python_source import App, apps, variables
from shipway.detect.sketch import HEALTHY, OURS, Sketch, answers_at, good_at
from shipway.detect.tree import Tree
from shipway.model.intent import Process
from shipway_agent.record import dataclass

EMPTY = Packages(directory=".", source="", named={})


@dataclass(frozen=True, slots=True)
class Server:
    """A program that serves an application: its package, and its command with {app} and {factory} to fill in."""

    package: str
    command: str
    factory: str
    call: bool = False


SERVERS: Mapping[str, tuple[Server, ...]] = {
    "wsgi": (
        Server("gunicorn", "gunicorn --bind unix:$SOCKET --workers 2 {app}", "", call=True),
        Server("waitress", "waitress-serve --unix-socket=$SOCKET{factory} {app}", " --call"),
    ),
    "asgi": (
        Server("uvicorn", "uvicorn --uds $SOCKET{factory} {app}", " --factory"),
        Server("hypercorn", "hypercorn --bind unix:$SOCKET {app}", "", call=True),
        Server("daphne", "daphne -u $SOCKET {app}", ""),
    ),
    "aiohttp": (Server("gunicorn", "gunicorn --bind unix:$SOCKET --worker-class aiohttp.GunicornWebWorker {app}", ""),),
}
"""Who serves what. The first that the project names is taken; where it names none, the first."""


def recognise(tree: Tree) -> Sketch | None:
    """An application of Python, or None. What needs no package at all (a WSGI function) is one too."""
    needed = packages(tree) or EMPTY
    if not needed.source and not any(path.endswith(".py") for path in tree.paths):
        return None
    found = apps(tree)
    app = next((app for app in found if app.framework), None) or next(iter(found), None)
    if app is None:
        return None
    if not needed.source:
        needed = next((one for part in _above(app.file) if (one := packages(tree, part)) is not None), needed)
    sketch = Sketch(app.framework or "Python", name=needed.name)
    serve(sketch, tree, app, needed)
    ask_for(sketch, tree, [app.file])
    return sketch


def install_only(tree: Tree) -> Sketch | None:
    """A project of Python whose processes a Procfile names."""
    needed = packages(tree)
    if needed is None:
        return None
    sketch = Sketch("Python", name=needed.name)
    python_install.install(sketch, tree, needed)
    return sketch


def ask_for(sketch: Sketch, tree: Tree, files: Iterable[str]) -> None:
    """Say which variables of the environment must be there before anything starts."""
    for name, (file, line) in variables(tree, files).items():
        if name not in OURS:
            why = "it is asked for without a default; `env` sets it, and `shipway secrets set` what nobody may see"
            sketch.doubt("process.web", f"{name} must be in the environment", why, file, line)


def serve(sketch: Sketch, tree: Tree, app: App, needed: Packages) -> None:
    """Add the task that installs what is needed and the process `web` that serves the application."""
    known = next((one for one in SERVERS[app.interface] if normal(one.package) in needed), None)
    server = known or SERVERS[app.interface][0]
    python_install.install(sketch, tree, needed, () if known else (server.package,))
    target = f"{app.module}:{app.name}" + ("()" if app.factory and server.call else "")
    run = server.command.format(app=f"'{target}'" if "(" in target else target, factory=server.factory if app.factory else "")
    sketch.processes.append(
        Process(
            name="web",
            run=python_install.command(app.directory, run),
            health=good_at(app.health[0]) if app.health else answers_at("/"),
            directory=app.directory,
            env={"PYTHONPATH": app.path} if app.path else {},
        )
    )
    made = f"{app.framework} application".strip()
    why = f"it makes the {made}" if app.factory else f"that is the {made}"
    sketch.assume("process.web", f"web serves {app.module}:{app.name}", why, app.file, app.line)
    if known:
        sketch.assume("process.web", f"{server.package} serves it", "the project names it", *needed.place(normal(server.package)))
    if app.health:
        sketch.assume("process.web", f"{HEALTHY} {app.health[0]} answers 200", "that page is there for it", app.file, app.health[1])
    else:
        sketch.assume("process.web", f"{HEALTHY} / answers, whatever it answers but a failure", "no page of health was found")


def _above(file: str) -> list[str]:
    """The directories a file lies in, the nearest first."""
    parts = file.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(len(parts), 0, -1)]

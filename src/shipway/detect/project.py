"""A tree in, what the project is and how it is run out. The table KINDS is the order in which it is asked; the first answer counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from shipway.detect import django, docker, node, procfile, python_web, ruby, static
from shipway.detect.sketch import HEALTHY, Sketch, answers_at, as_name, good_at
from shipway.detect.tree import Tree
from shipway.model.found import Found
from shipway.model.intent import Process
from shipway_agent.record import replace


class Kind(NamedTuple):
    """A kind of project: how it is known, and who knows it."""

    name: str
    known_by: str
    recognise: Callable[[Tree], Sketch | None]


KINDS: tuple[Kind, ...] = (
    Kind("Django", "manage.py that imports django.core.management, at the top or one directory below", django.recognise),
    Kind("Rails, Rack", "a Gemfile with config/application.rb or config.ru", ruby.recognise),
    Kind("Flask, FastAPI and other WSGI or ASGI", "Python source that makes an application", python_web.recognise),
    Kind("Node", "package.json with a script `start`, or a file that listens; else a site that `build` makes", node.recognise),
    Kind("a static site", "the settings of Hugo, Jekyll or MkDocs; index.html at the top or in public, dist, _site, …", static.recognise),
    Kind("a Dockerfile", "ENTRYPOINT or CMD of the last stage; no image is built", docker.recognise),
)
"""The order of precedence. A Procfile comes before all of it where it says what runs, and is asked last, for it says nothing else."""

INSTALLERS: tuple[Callable[[Tree], Sketch | None], ...] = (python_web.install_only, node.install_only, ruby.install_only)
"""What a project with a Procfile is installed by where no kind recognised it."""

PATHS: dict[str, str] = {"Python": ".venv/bin", "Node": node.BIN, "Ruby": ""}
"""Where commands of a Procfile find what was installed."""


def detect(tree: Tree, name: str, *, run: str | None = None, health: str | None = None) -> Found | None:
    """What a repository is; None where nothing is recognised and `run` does not say what to run.

    `name` is what the application is called where no file says it; `run` and `health` (a path) come before what is recognised.
    """
    declared = procfile.entries(tree)
    sketch = next((found for kind in KINDS if (found := kind.recognise(tree)) is not None), None)
    if set(declared) - {procfile.RELEASE} and (sketch is None or not sketch.processes):
        installed = next((found for one in INSTALLERS if (found := one(tree)) is not None), None)
        sketch = installed or sketch or Sketch("a Procfile")
    if sketch is not None and declared:
        procfile.apply(sketch, tree, _path(sketch))
    if sketch is None:
        if run is None:
            return None
        sketch = Sketch("a command")
    if run is not None:
        _typed(sketch, run)
    if health is not None:
        sketch.processes = [replace(one, health=good_at(health)) if one.name == "web" else one for one in sketch.processes]
        sketch.assumptions = [one for one in sketch.assumptions if not one.what.startswith(HEALTHY)]
        sketch.assume("process.web", f"{HEALTHY} {health} answers 200", "--health says so")
    _unused(sketch, tree)
    return sketch.found(as_name(sketch.name or node.name(tree) or name))


def _path(sketch: Sketch) -> str:
    tasks = {path for task in sketch.tasks for path in task.outputs}
    if ".venv" in tasks:
        return PATHS["Python"]
    return PATHS["Node"] if "node_modules" in sketch.build.outputs else PATHS["Ruby"]


def _typed(sketch: Sketch, run: str) -> None:
    """--run says what `web` runs; how it is installed stays as it was recognised, and what was is found by its bare name."""
    command = run if "/" in run.split()[0] else procfile.with_path(run, _path(sketch))
    web = next((one for one in sketch.processes if one.name == "web"), None)
    made = Process(name="web", run=command, health=(web and web.health) or answers_at("/"), env=web.env if web else {})
    sketch.processes = [made, *(one for one in sketch.processes if one.name != "web")]
    sketch.assumptions = [one for one in sketch.assumptions if one.about != "process.web" or one.what.startswith(HEALTHY)]
    sketch.assume("process.web", f"web runs `{run}`", "--run says so")


def _unused(sketch: Sketch, tree: Tree) -> None:
    """A Dockerfile that somebody wrote and that nothing here uses is named, so that nobody waits for it."""
    file = tree.first(*docker.FILES)
    if file and sketch.kind != "a Dockerfile":
        line = docker.last_stage(tree, file).command[1]
        sketch.assume("", f"the {file} is not used", "Shipway runs processes, and what the project is was clear without it", file, line)

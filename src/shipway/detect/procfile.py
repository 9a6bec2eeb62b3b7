"""A Procfile in, its processes and its release task out."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shipway.detect.sketch import HEALTHY, Sketch, answers_at, as_name
from shipway.detect.tree import Tree
from shipway.model.intent import Process, Task
from shipway_agent.record import replace

FILE = "Procfile"
RELEASE = "release"
"""The type that every platform with Procfiles runs once, before the new release serves."""

_LINE = re.compile(r"^([A-Za-z0-9_-]+):\s*(\S.*?)\s*$")
_PORT = re.compile(r"\$\{?PORT\b")


def entries(tree: Tree) -> dict[str, tuple[str, int]]:
    """Each type of the Procfile with its command and line; the first of two that are called the same counts."""
    found: dict[str, tuple[str, int]] = {}
    for number, line in tree.lines(FILE):
        match = _LINE.match(line)
        if match is not None:
            found.setdefault(match[1], (match[2], number))
    return found


def apply(sketch: Sketch, tree: Tree, path: str) -> None:
    """Put what the Procfile says in the place of what was recognised. `path` are the folders of commands that were installed."""
    declared = entries(tree)
    if set(declared) - {RELEASE}:
        _run(sketch, declared, path)
    if RELEASE in declared:
        command, line = declared[RELEASE]
        _release(sketch, with_path(command, path), line)


def _run(sketch: Sketch, declared: Mapping[str, tuple[str, int]], path: str) -> None:
    known = {process.name: process for process in sketch.processes}
    sketch.processes = []
    kept = {f"process.{name}" for name in declared}
    sketch.assumptions = [
        one for one in sketch.assumptions if not one.about.startswith("process.") or (one.about in kept and one.what.startswith(HEALTHY))
    ]
    names: dict[str, str] = {}
    for kind in (kind for kind in declared if kind != RELEASE):
        name = _free(as_name(kind, "process"), names)
        names[name] = kind
    listening = [name for name, kind in names.items() if _PORT.search(declared[kind][0])]
    if "web" not in names and len(listening) > 1:
        names = {("web" if name == listening[0] else name): kind for name, kind in names.items()}
    for name, kind in names.items():
        command, line = declared[kind]
        health = known[name].health if name in known else None
        if name == "web":
            health = health or answers_at("/")
        sketch.processes.append(Process(name=name, run=with_path(command, path), health=health))
        sketch.assume(f"process.{name}", f"{name} runs `{command}`", f"the Procfile's {kind} says so", FILE, line)


def with_path(command: str, path: str) -> str:
    """A command that finds by their bare names what was installed into these folders of the release (`.venv/bin:bin`, or "")."""
    folders = ":".join(f"$PWD/{folder}" for folder in path.split(":") if folder)
    return f'export PATH="{folders}:$PATH"; {command}' if folders else command


def _release(sketch: Sketch, command: str, line: int) -> None:
    own = [task for task in sketch.tasks if task.phase == "activate" and re.search(r"\bmigrate\b", command)]
    sketch.tasks = [task for task in sketch.tasks if task not in own]
    sketch.assumptions = [one for one in sketch.assumptions if one.about not in {f"task.{task.name}" for task in own}]
    made = Task(name=RELEASE, run=command, phase="activate", once=True)
    if own:
        made = replace(made, check=own[0].check, directory=own[0].directory, env=own[0].env)
    sketch.tasks.append(made)
    sketch.assume(f"task.{RELEASE}", "`release` runs once, on one host, before the new release serves", "as Procfiles mean it", FILE, line)


def _free(name: str, taken: dict[str, str]) -> str:
    return next(one for one in (name, *(f"{name[:36]}-{number}" for number in range(2, 100_000))) if one not in taken)

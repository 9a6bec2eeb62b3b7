"""A Dockerfile in, the process that its last stage runs out. Shipway runs processes, so of an image only that is taken."""

from __future__ import annotations

import json
import re
import shlex

from shipway.detect.sketch import OURS, Sketch, answers_at
from shipway.detect.tree import Tree
from shipway.model.intent import Process
from shipway_agent.record import dataclass, field

FILES = ("Dockerfile", "Containerfile")

_WORD = re.compile(r"^\s*([A-Za-z]+)\s+(.*\S)\s*$")


@dataclass
class Stage:
    """What a stage says of how it is run. Each value comes with its line."""

    entrypoint: tuple[str, int] = ("", 0)
    command: tuple[str, int] = ("", 0)
    port: tuple[str, int] = ("", 0)
    env: dict[str, str] = field(default_factory=dict)
    first_run: int = 0


def recognise(tree: Tree) -> Sketch | None:
    """What the last stage's ENTRYPOINT and CMD run, with $PORT in the place of the port it exposes."""
    file = tree.first(*FILES)
    if file is None:
        return None
    stage = last_stage(tree, file)
    words = [text for text, _ in (stage.entrypoint, stage.command) if text]
    if not words:
        return None
    command = " ".join(words)
    line = stage.command[1] or stage.entrypoint[1]
    port = stage.port[0]
    sketch = Sketch("a Dockerfile")
    run = re.sub(rf"(?<![\w.]){port}(?![\w.])", "$PORT", command) if port else command
    sketch.env = {name: value for name, value in stage.env.items() if name not in OURS and not name.startswith("SHIPWAY_")}
    sketch.processes.append(Process(name="web", run=run, health=answers_at("/")))
    sketch.assume("process.web", f"web runs `{command}`", "the image's CMD says so", file, line)
    if run != command:
        sketch.assume("process.web", f"$PORT stands for {port}", "EXPOSE names it, and a host has several", file, stage.port[1])
    elif "PORT" not in command:
        sketch.doubt("process.web", "it may not listen on $PORT", "CMD does not name the port that EXPOSE does", file, line)
    sketch.doubt(
        "",
        "no image is built, for Shipway runs processes",
        "what RUN and COPY bring must be on the hosts, or come by [build] or a task",
        file,
        stage.first_run,
    )
    return sketch


def last_stage(tree: Tree, file: str) -> Stage:
    """What the last FROM and what follows it say."""
    stage = Stage()
    for number, text in _instructions(tree, file):
        match = _WORD.match(text)
        word, rest = (match[1].upper(), match[2]) if match else ("", "")
        if word == "FROM":
            stage = Stage()
        elif word == "CMD":
            stage.command = (_command(rest), number)
        elif word == "ENTRYPOINT":
            stage.entrypoint = (_command(rest), number)
            stage.command = ("", 0)
        elif word == "EXPOSE":
            port = re.match(r"\d+", rest)
            stage.port = stage.port if stage.port[0] or not port else (port[0], number)
        elif word == "ENV":
            stage.env |= _variables(rest)
        elif word in ("RUN", "COPY", "ADD"):
            stage.first_run = stage.first_run or number
    return stage


def _instructions(tree: Tree, file: str) -> list[tuple[int, str]]:
    """Each instruction on one line, with the number of its first."""
    found: list[tuple[int, str]] = []
    begun = 0
    whole = ""
    for number, line in tree.lines(file):
        if line.lstrip().startswith("#"):
            continue
        begun = begun or number
        whole += line.rstrip().removesuffix("\\") + " "
        if not line.rstrip().endswith("\\"):
            found.append((begun, whole.strip()))
            begun, whole = 0, ""
    return found


def _command(text: str) -> str:
    """The list form as a line for the shell, any other as it is."""
    if text.startswith("["):
        try:
            words = json.loads(text)
        except ValueError:
            return text
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            if len(words) == 3 and words[0].rpartition("/")[2] in ("sh", "bash") and words[1] == "-c":
                return str(words[2])
            return " ".join(shlex.quote(word) for word in words)
    return text


def _variables(text: str) -> dict[str, str]:
    """NAME=value pairs, or the older form of a name and the rest; those that refer to others are left out."""
    if not re.match(r"[A-Za-z_]\w*=", text):
        name, _, value = text.partition(" ")
        pairs = [(name, value.strip())]
    else:
        try:
            words = shlex.split(text)
        except ValueError:
            return {}
        pairs = [(name, value) for name, equals, value in (word.partition("=") for word in words) if equals]
    return {name: value for name, value in pairs if re.fullmatch(r"[A-Za-z_]\w{0,254}", name) and "$" not in value}

"""A page of docs/ and a place in, the page as somebody lived it out: its files written, its commands typed in one shell, in their order.

A block with a title is a file (```` ```python title="app.py" ````). In a block `console` a line behind `$ ` is typed, and what stands
below it must come, line by line and in that order; `…` stands for any text, and so does each number that a unit of time or size follows.
A command that is to end with another code than 0 says so as a person would: `|| echo "exit code $?"`.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^( *)```(\w+)?(?: title=\"([^\"]+)\")?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
ANY, MEASURE, ROOM = {"…": ".*"}, r"\d[\d.,]* ?\w+", " *"
DONE = "-- typed --"
LIMIT_SECONDS = 240.0
FIRST_PORT = "8080"
"""What every page listens at on this machine, and `init` tries first."""


@dataclass(frozen=True)
class Written:
    """A file that the page shows; `place` is its path where the shell is."""

    place: str
    text: str


@dataclass(frozen=True)
class Typed:
    """A command and the lines that it must print."""

    command: str
    expected: tuple[str, ...] = ()


def steps(text: str) -> Iterator[Written | Typed]:
    """What a page tells to do, in its order. Blocks `sh` are commands without output; others are only shown."""
    for margin, kind, title, body in BLOCK.findall(text):
        lines = [line.removeprefix(margin) for line in body.splitlines()]
        if title:
            yield Written(title, "\n".join(lines) + "\n")
        elif kind == "console":
            yield from _console(lines)
        elif kind == "sh":
            yield from (Typed(line) for line in lines if line and not line.startswith("#"))


def commands(text: str) -> list[str]:
    """Every command `shipway …` of the page, wherever it stands: in blocks, in tables and in sentences."""
    typed = [step.command for step in steps(text) if isinstance(step, Typed)]
    return [*typed, *re.findall(r"`(shipway [^`]*)`", BLOCK.sub("", text))]


def _console(lines: Sequence[str]) -> Iterator[Typed]:
    command = ""
    expected: list[str] = []
    for line in lines:
        if line.startswith("$ "):
            if command:
                yield Typed(command, tuple(expected))
            command, expected = line.removeprefix("$ "), []
        elif line.strip():
            expected.append(line)
    if command:
        yield Typed(command, tuple(expected))


@dataclass
class Shell:
    """One sh in which a page is typed. `instead` has texts of the page and what stands for each in this run: an address, a port.

    Where it has one for `FIRST_PORT`, that is the page's own in all that is written, typed and shown.
    """

    place: Path
    env: Mapping[str, str]
    instead: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Shell:
        self.where = self.place
        self.sh = subprocess.Popen(
            ["/bin/sh"],
            cwd=self.place,
            env=dict(self.env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(self, *exc: object) -> None:
        assert self.sh.stdin is not None
        if self.sh.poll() is None:
            self.sh.kill()
        self.sh.communicate()

    def live(self, text: str) -> list[str]:
        """Do all that the page says. Answers what was printed, command by command; fails where it is not what the page shows."""
        said = []
        for step in steps(text):
            if isinstance(step, Written):
                path = self.where / step.place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self._here(step.text))
            else:
                said.append(self._typed(step))
        return said

    def _typed(self, step: Typed) -> str:
        out, code = self.type(step.command)
        assert code == 0, f"$ {step.command}  → {code}\n{out}"
        _compare(step, out, [self._here(line) for line in step.expected])
        return out

    def type(self, command: str) -> tuple[str, int]:
        """What a command prints, and its code."""
        assert self.sh.stdin is not None and self.sh.stdout is not None
        self.sh.stdin.write(f"{{ {self._here(command)}\n}} </dev/null\nprintf '\\n%s %s %s\\n' {shlex.quote(DONE)} $? \"$PWD\"\n")
        self.sh.stdin.flush()
        overdue = threading.Timer(LIMIT_SECONDS, self.sh.kill)
        overdue.start()
        lines: list[str] = []
        try:
            for line in self.sh.stdout:
                if line.startswith(DONE):
                    code, where = line.removeprefix(DONE).strip().split(" ", 1)
                    self.where = Path(where)
                    return self._keep_port("".join(lines)), int(code)
                lines.append(line)
        finally:
            overdue.cancel()
        raise AssertionError(f"the shell ended at {command!r}\n{''.join(lines)}")

    def _here(self, text: str) -> str:
        for there, here in self.instead.items():
            text = text.replace(there, here)
        return text

    def _keep_port(self, out: str) -> str:
        """Two pages may be told of one free port by `init`, before either listens there: what it wrote becomes this page's own."""
        file = self.where / "shipway.toml"
        found = re.search(r'listen = "127\.0\.0\.1:(\d+)"', file.read_text()) if file.exists() else None
        own = self.instead.get(FIRST_PORT)
        if found is None or own is None or found[1] == own:
            return out
        file.write_text(file.read_text().replace(found[0], f'listen = "127.0.0.1:{own}"'))
        return out.replace(f"127.0.0.1:{found[1]}", f"127.0.0.1:{own}")


def _compare(step: Typed, out: str, expected: Sequence[str]) -> None:
    lines = iter(line.rstrip() for line in out.splitlines())
    for wanted in expected:
        if wanted.strip() == "…":
            continue
        pattern = re.compile(_pattern(wanted.rstrip()))
        assert any(pattern.fullmatch(line) for line in lines), f"$ {step.command}\nthe page shows {wanted!r}; what came:\n{out}"


def _pattern(wanted: str) -> str:
    """What stands in the page as an expression: `…` is any text, a measure any measure, and room is room."""
    parts = re.split(r"(…|\d[\d.,]* ?(?:ms|s|kB|MB|GB|B)\b| +)", wanted)
    return "".join(
        ANY[part] if part in ANY else MEASURE if at % 2 and part.strip() else ROOM if at % 2 else re.escape(part)
        for at, part in enumerate(parts)
    )

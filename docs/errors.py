"""What the code can raise in, the page docs/reference/errors.md out: every code with its class, exit code, meaning and what to type next.

What this machine raises has its line in flows/catalogue.py, what hosts raise its advice in flows/hints.py. `raised` finds the codes in the
source, so that a code without a line fails a test.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shipway.flows.catalogue import OPERATOR
from shipway.flows.hints import HOSTS, TYPED
from shipway.model import errors
from shipway.model.errors import AGAIN
from shipway_agent.errors import SAYINGS, SYSTEM

SOURCES = Path(__file__).parents[1] / "src"

CLASSES = ("Failed", "WrongInput", "Refused", "Unsettled")
OF_HOSTS = ("HostError", "Unreachable", "LinkLost", "Overdue", "HostRefused", "Complaint", "AgentError", "No")
DEFAULTS = {"failed": "Failed", "input": "WrongInput", "refused": "Refused", "unsettled": "Unsettled"}


@dataclass(frozen=True)
class Raised:
    """A code as the source has it: `by` is one of CLASSES, or "host"."""

    code: str
    by: str
    where: str


@cache
def raised() -> tuple[Raised, ...]:
    """Every code that is written in the source beside an error, with the class of the error."""
    found = [Raised(code, by, "shipway/model/errors.py") for code, by in DEFAULTS.items()]
    found += [Raised(code, "host", "shipway_agent/errors.py") for code in {*(code for code, _ in SAYINGS.values()), SYSTEM}]
    modules = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCES.rglob("*.py"))}
    known: dict[str, tuple[int, str]] = {name: (-1, name) for name in CLASSES} | {name: (_place(name), "host") for name in OF_HOSTS}
    shared = {name: maker for tree in modules.values() for name, maker in _makers(tree, known).items() if not name.startswith("_")}
    for path, tree in modules.items():
        makers = known | shared | _makers(tree, known | shared)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in makers:
                place, by = makers[_name(node.func)]
                found += [Raised(code, by, str(path.relative_to(SOURCES))) for code in _codes(node, place)]
            elif isinstance(node, ast.ClassDef) and node.bases and _name(node.bases[0]) in makers:
                place, by = makers[_name(node.bases[0])]
                calls = [n for n in ast.walk(node) if isinstance(n, ast.Call) and _name(n.func) == "__init__"]
                found += [Raised(code, by, str(path.relative_to(SOURCES))) for call in calls for code in _codes(call, place)]
    return tuple(found)


def page() -> str:
    """The text of docs/reference/errors.md."""
    rows = [f"| {_anchored(code)} | {_class(code)} | {line.means} | {line.next} |" for code, line in sorted(OPERATOR.items())]
    hosts = [f"| {_anchored(code)} | {advice.means} | {_shown(advice.next)} |" for code, advice in sorted(HOSTS.items())]
    exits = [f"| {cls.exit_code} | {cls.__name__} | {(cls.__doc__ or '').splitlines()[0]} |" for cls in _classes()]
    return "\n".join(
        [
            "# Errors",
            "",
            "Every error says what happened, what state things are in, and the command to type next. With `--json` the last line has",
            "`data.code`, one of these; without it the last line names `shipway explain CODE`, which says what stands here.",
            "The exit code is the verdict.",
            "",
            "| exit code | class | meaning |",
            "|---|---|---|",
            "| 0 | | It is as it should be, proved in this very run. |",
            *exits,
            "",
            "## What this machine says",
            "",
            "| code | class and exit code | meaning | next |",
            "|---|---|---|---|",
            *rows,
            "",
            "## What hosts say",
            "",
            "Before anything began they refuse the command (exit 3). In a deployment they break its barrier: it is undone (exit 1), or,",
            "where that cannot be proved on every host, not settled (exit 4).",
            "",
            "| code | meaning | next |",
            "|---|---|---|",
            *hosts,
            "",
        ]
    )


def _anchored(code: str) -> str:
    """The code with a place of its own on the page, errors.md#CODE; the first table has it where both know the code."""
    return f'<a id="{code}"></a>`{code}`'


def _classes() -> list[type[errors.ShipwayError]]:
    return [getattr(errors, name) for name in CLASSES]


def _class(code: str) -> str:
    names = sorted({one.by for one in raised() if one.code == code and one.by in CLASSES})
    return ", ".join(f"{name} {getattr(errors, name).exit_code}" for name in names)


def _shown(advice: str) -> str:
    commands = {name: f"`shipway {typed} ENV`" for name, typed in TYPED.items()}
    return advice.replace("`{login}`", "{login}").format(
        host="the host", login="`ssh ADDRESS true`", again=AGAIN, fix="`shipway doctor ENV --fix`", **commands
    )


def _place(name: str) -> int:
    """Where a class of hosts takes its code: after the host, or first."""
    return 0 if name in ("Complaint", "AgentError", "No") else 1


def _makers(tree: ast.Module, known: Mapping[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    """Functions that are given a code and make an error of it: the place of the code among their arguments, and the error's class."""
    found = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        arguments = [argument.arg for argument in node.args.args if argument.arg != "self"]
        if "code" not in arguments or node.name == "__init__":
            continue
        by = next((known[_name(n.func)][1] for n in ast.walk(node) if isinstance(n, ast.Call) and _name(n.func) in known), None)
        found[node.name] = (arguments.index("code"), by or "host")
    return found


def _codes(call: ast.Call, place: int) -> Iterator[str]:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    if not given and 0 <= place < len(call.args):
        given = [call.args[place]]
    for value in given:
        subscripts = {id(n) for node in ast.walk(value) if isinstance(node, ast.Subscript) for n in ast.walk(node.slice)}
        for node in ast.walk(value):
            if id(node) not in subscripts and isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""

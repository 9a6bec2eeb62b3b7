"""Imports only point down; the pure parts reach nothing; the agent travels alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
PURE = {
    "__future__",
    "collections",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "math",
    "re",
    "shlex",
    "string",
    "typing",
}
"""What plan, model and the rules of decision may import of the standard library: none of it knows the time, a disk or a network."""


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def top(module: str) -> str:
    return module.split(".")[0]


def test_the_contracts_hold() -> None:
    """The contracts stand in pyproject.toml; a new folder fails here until somebody says where it stands."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


PARSERS = {"ast", "configparser", "tomllib", "warnings"}
"""What detection reads other people's files with: texts in, trees out."""


@pytest.mark.parametrize(("folder", "more"), [("shipway/plan", set()), ("shipway/model", set()), ("shipway/detect", PARSERS)])
def test_pure_folders_import_only_what_is_pure(folder: str, more: set[str]) -> None:
    wrong = {
        f"{file.relative_to(SRC)}: {module}"
        for file in (SRC / folder).rglob("*.py")
        for module in imports(file)
        if top(module) not in PURE | more | {"shipway", "shipway_agent"}
    }
    assert not wrong


def test_the_rules_of_decision_import_only_what_is_pure() -> None:
    modules = [module for name in ("decide", "states", "wants") for module in imports(SRC / f"shipway_agent/{name}.py")]
    assert {module for module in modules if top(module) not in PURE | {"shipway_agent"}} == set()


LATER = frozenset({"_sha2"})
"""Of the standard library of a Python that is younger than the one that runs the tests."""


def test_the_agent_needs_nothing_but_python() -> None:
    wrong = {
        f"{file.relative_to(SRC)}: {module}"
        for file in (SRC / "shipway_agent").rglob("*.py")
        for module in imports(file)
        if top(module) not in sys.stdlib_module_names | LATER | {"shipway_agent"}
    }
    assert not wrong


def test_the_agent_is_written_in_python_3_9() -> None:
    for file in (SRC / "shipway_agent").rglob("*.py"):
        ast.parse(file.read_text(encoding="utf-8"), str(file), feature_version=(3, 9))


def test_the_demo_stands_on_its_own() -> None:
    wrong = {
        f"{file.name}: {module}" for file in (ROOT / "demo").rglob("*.py") for module in imports(file) if top(module) in {"tests", "bench"}
    }
    assert not wrong

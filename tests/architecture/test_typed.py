"""Names of `shipway_agent.typed` are for annotations: at run time they stand for nothing, and nothing may ask what is one of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import shipway_agent

MODULES = sorted(Path(shipway_agent.__file__).parent.rglob("*.py"))


def asked(tree: ast.Module) -> Iterator[str]:
    """The names from `typed` that isinstance or issubclass are given."""
    annotations = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "shipway_agent.typed"
        for name in node.names
    } - {"TYPE_CHECKING"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass"):
            yield from (name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name) and name.id in annotations)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_module_of_the_agent_asks_whether_a_value_is_an_annotation(module: Path) -> None:
    assert list(asked(ast.parse(module.read_text(encoding="utf-8")))) == []


def test_it_would_be_found() -> None:
    tree = ast.parse("from shipway_agent.typed import Mapping\nisinstance(1, (int, Mapping))\nisinstance(2, dict)\n")
    assert list(asked(tree)) == ["Mapping"]

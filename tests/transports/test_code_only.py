"""What travels of a module: all that it does, on the lines where it stands here, and nothing that is only said to people."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import shipway_agent
from shipway.transports.code_only import code_only

SOURCE = Path(shipway_agent.__file__).parent


def meaning(text: str) -> list[str]:
    """The statements of a module with the lines that they begin on, without those that are only a text."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]  # every node with a list of that name
    return [ast.dump(tree), *(f"{node.lineno} {type(node).__name__}" for node in ast.walk(tree) if isinstance(node, ast.stmt))]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_every_module_of_the_agent_means_the_same(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert meaning(code_only(text)) == meaning(text)


def test_docstrings_and_comments_stay_here_and_other_texts_travel() -> None:
    text = '"""Of people."""\n\nclass No(Exception):\n    """Only\n    this."""\n\n# why\nX = """# kept\n"""  # of X\n'
    assert code_only(text) == '""\n\nclass No(Exception):\n    ""\n\n\n\nX = """# kept\n"""\n'

"""The text of a Python file in, its syntax out, and what of it can be told without running it: names, calls, constants."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from shipway.release.migrations.written import unreadable
from shipway_agent.record import dataclass

Constant = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Call:
    """A call by the last part of its name. An argument is where its name or its place says; `node` is what stands there."""

    name: str
    by_place: tuple[ast.expr, ...]
    by_name: Mapping[str, ast.expr]

    def get(self, name: str, place: int | None = None) -> ast.expr | None:
        """The argument of that name, or at that place where it was given without one."""
        if name in self.by_name or place is None:
            return self.by_name.get(name)
        return self.by_place[place] if place < len(self.by_place) else None

    def text(self, name: str, place: int | None = None) -> str:
        """The same where it is plain text; "" for all else."""
        return text_of(self.get(name, place)) or ""

    def true(self, name: str) -> bool:
        """Whether it is the constant True."""
        return is_constant(self.get(name), True)

    def false(self, name: str) -> bool:
        """Whether it is the constant False."""
        return is_constant(self.get(name), False)

    def given(self, name: str) -> bool:
        """Whether it is there, and not the constant None."""
        node = self.get(name)
        return node is not None and not is_constant(node, None)


def parsed(text: str, path: str) -> ast.Module:
    """Raises WrongInput naming file and line."""
    try:
        return ast.parse(text, filename=path)
    except (SyntaxError, ValueError) as error:
        raise unreadable(path, getattr(error, "lineno", None), getattr(error, "msg", str(error))) from None


def assigned(body: Iterable[ast.stmt]) -> dict[str, ast.expr]:
    """What names are given in a body, with and without an annotation."""
    found: dict[str, ast.expr] = {}
    for statement in body:
        if isinstance(statement, ast.Assign):
            found |= {target.id: statement.value for target in statement.targets if isinstance(target, ast.Name)}
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value is not None:
            found[statement.target.id] = statement.value
    return found


def call_of(node: ast.AST | None) -> Call | None:
    """A call by name, None for anything else."""
    if not isinstance(node, ast.Call):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
    return Call(name, tuple(node.args), {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None})


def items_of(node: ast.AST | None) -> list[ast.expr]:
    """What stands in a list or a tuple; those that are put together by + are one."""
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return list(node.elts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*items_of(node.left), *items_of(node.right)]
    return []


def text_of(node: ast.AST | None) -> str | None:
    """Text as it stands there, what a call is given as its only text (`op.f("by_note")`), and the plain parts of an f-string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "" if isinstance(part, ast.Constant) else "x" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mod)):
        left, right = text_of(node.left), text_of(node.right)
        return left if isinstance(node.op, ast.Mod) else None if left is None or right is None else left + right
    call = call_of(node)
    return text_of(call.by_place[0]) if call is not None and len(call.by_place) == 1 and not call.by_name else None


def texts_of(node: ast.AST | None) -> list[str]:
    """One text, or those of a list."""
    one = text_of(node)
    return [one] if one is not None else [text for item in items_of(node) if (text := text_of(item)) is not None]


def number_of(node: ast.AST | None) -> int | None:
    """A whole number as it stands there."""
    plain = isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool)
    return node.value if plain and isinstance(node, ast.Constant) and isinstance(node.value, int) else None


def is_constant(node: ast.AST | None, value: Constant) -> bool:
    """Whether exactly this stands there."""
    return isinstance(node, ast.Constant) and node.value is value

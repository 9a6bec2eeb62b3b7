"""What the Python of a migration gives its database to execute in; what that SQL does out. What cannot be read here is told as such."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from shipway.release.migrations.statements import changes_of
from shipway.release.migrations.syntax import call_of, items_of
from shipway.release.migrations.written import UNKNOWN, UNREAD, Change

Names = Mapping[str, ast.expr]
"""What names stand for, as `constants` tells it."""

WRAPPERS = frozenset({"text", "sa_text", "sql_text", "sqltext", "DDL", "SQL", "dedent", "cleandoc"})
"""Calls that give back the text that they are given."""

KEEPS = frozenset({"bindparams", "columns", "execution_options", "format", "lstrip", "rstrip", "strip"})
"""Methods of a text, or of what is made of one, that leave its statements what they are."""

_GAP = re.compile(r"%(?:\(\w+\))?[sdr]|\{[^{}]*\}")


def constants(*scopes: ast.AST) -> dict[str, ast.expr]:
    """Names by what they are given, in scopes from the outermost to the innermost. Not those that are given something twice.

    The name of a loop stands for all that it goes over.
    """
    found: dict[str, ast.expr] = {}
    for scope in scopes:
        given: dict[str, list[ast.expr | None]] = {}
        for name, value in _given(scope):
            given.setdefault(name, []).append(value)
        for name, values in given.items():
            found.pop(name, None)
            if len(values) == 1 and values[0] is not None:
                found[name] = values[0]
    return found


def _given(scope: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    values: dict[int, ast.expr | None] = {}
    waiting = [*ast.iter_child_nodes(scope)]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Assign):
            values |= {id(target): node.value for target in node.targets}
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
            values[id(node.target)] = node.value
        elif isinstance(node, (ast.For, ast.comprehension)):
            values[id(node.target)] = node.iter
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, values.get(id(node))
        elif isinstance(node, ast.arg):
            yield node.arg, None
        elif isinstance(node, ast.alias):
            yield node.asname or node.name, None
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def sql_of(node: ast.AST | None, names: Names) -> list[str | None]:
    """The texts that an argument is: one, or those of a list, of a pair with parameters the first. None for one that is not known."""
    if isinstance(node, ast.Name) and node.id in names:
        return sql_of(names[node.id], _without(names, node.id))
    if isinstance(node, ast.IfExp):
        return [*sql_of(node.body, names), *sql_of(node.orelse, names)]
    if isinstance(node, ast.BinOp) and items_of(node):
        return [*sql_of(node.left, names), *sql_of(node.right, names)]
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        pairs = [items_of(item) or [item] for item in items_of(node)]
        return [text for pair in pairs for text in sql_of(pair[0], names)]
    inner = _inner(node)
    if inner is not None:
        return [text if text is None else _GAP.sub(UNKNOWN, text) if _fills(node) else text for text in sql_of(inner, names)]
    return ["" if _is_harmless(node, names) else _text(node, names)]


def executed(node: ast.AST | None, names: Names, path: str) -> Iterator[Change]:
    """What is done by executing it. Raises WrongInput for a text that has no end."""
    for text in sql_of(node, names):
        yield from (UNREAD,) if text is None else changes_of(text, path)


def _inner(node: ast.AST | None) -> ast.expr | None:
    """What a call has its text from: what it is given, or what it is called on."""
    call = call_of(node)
    if call is None or not isinstance(node, ast.Call):
        return None
    if call.name in KEEPS and isinstance(node.func, ast.Attribute):
        return node.func.value
    return call.by_place[0] if call.name in WRAPPERS and call.by_place else None


def _fills(node: ast.AST | None) -> bool:
    call = call_of(node)
    return call is not None and call.name == "format"


def _text(node: ast.AST | None, names: Names) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and node.id in names:
        return _text(names[node.id], _without(names, node.id))
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, names) or UNKNOWN for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, names)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        left = _text(node.left, names)
        return left if left is None else _GAP.sub(UNKNOWN, left)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left, names), _text(node.right, names)
        return None if left is None or right is None else left + right
    inner = _inner(node)
    return _text(inner, names) if inner is not None else None


def _is_harmless(node: ast.AST | None, names: Names) -> bool:
    """Whether it is an expression of SQLAlchemy that reads, adds rows, or changes some of them; or Django's word for nothing."""
    said: set[str] = set()
    while True:
        if isinstance(node, ast.Name) and node.id in names:
            name = node.id
            node, names = names[name], _without(names, name)
        elif isinstance(node, ast.Call):
            said |= {node.func.id} if isinstance(node.func, ast.Name) else set()
            node = node.func
        elif isinstance(node, ast.Attribute):
            said.add(node.attr)
            node = node.value
        else:
            break
    return bool(said & {"select", "insert", "noop"}) or {"update", "where"} <= said


def _without(names: Names, name: str) -> dict[str, ast.expr]:
    return {key: value for key, value in names.items() if key != name}

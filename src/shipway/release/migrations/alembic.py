"""The files of a project's Alembic revisions in, migrations out: what `upgrade` does to tables, and whether `downgrade` takes it back."""

from __future__ import annotations

import ast
import configparser
import posixpath
from collections.abc import Iterator, Mapping

from shipway.model.migration import SERVING
from shipway.release.migrations.embedded import Names, constants, executed, sql_of
from shipway.release.migrations.order import ordered
from shipway.release.migrations.statements import first_alone, first_ending
from shipway.release.migrations.syntax import Call, assigned, call_of, is_constant, number_of, parsed, text_of, texts_of
from shipway.release.migrations.written import (
    CHECKED,
    INDEXED,
    MOMENT,
    REWRITTEN,
    UNNAMED,
    Change,
    Written,
    dropped,
    phase_said,
    renamed,
    used,
)

INI = "alembic.ini"
VERSIONS = "versions"

TEXTS = frozenset({"String", "VARCHAR", "NVARCHAR", "Unicode", "Text", "TEXT", "UnicodeText"})
WHOLES = ("smallint", "int", "bigint")

EXECUTES = frozenset({"execute", "exec_driver_sql"})

FILLED = frozenset({"Computed", "Identity", "Sequence"})
"""What fills a new column, as an argument of it without a name."""


def is_alembic(path: str, folder: str, versions: str) -> bool:
    """Whether a file of the tree is a revision, or says where they are: the alembic.ini of `folder`. `versions` is their directory, where

    that is said.
    """
    directory, name = posixpath.split(path)
    if path == posixpath.normpath(posixpath.join(folder, INI)):
        return True
    if not name.endswith(".py") or name.startswith("__"):
        return False
    return directory == posixpath.normpath(posixpath.join(folder, versions)) if versions else posixpath.basename(directory) == VERSIONS


def read_alembic(files: Mapping[str, str], folder: str) -> tuple[Written, ...]:
    """In an order in which they can run, branches among them. Raises WrongInput for a file that is no Python, naming the line."""
    ini = files.get(posixpath.normpath(posixpath.join(folder, INI)))
    directory = _versions(ini, folder) if ini is not None else ""
    chosen = {path: text for path, text in files.items() if path.endswith(".py")}
    if any(posixpath.dirname(path) == directory for path in chosen):
        chosen = {path: text for path, text in chosen.items() if posixpath.dirname(path) == directory}
    return ordered(one for path, text in sorted(chosen.items()) for one in _read(path, text))


def _versions(ini: str, folder: str) -> str:
    """Where alembic.ini says that they are; "" where it does not say it in a way that is known without running anything."""
    said = configparser.RawConfigParser()
    try:
        said.read_string(ini)
        place = said.get("alembic", "script_location", fallback="")
    except configparser.Error:
        return ""
    place = place.replace("%(here)s/", "")
    return posixpath.normpath(posixpath.join(folder, place, VERSIONS)) if place and "%" not in place and ":" not in place else ""


def _read(path: str, text: str) -> Iterator[Written]:
    tree = parsed(text, path)
    said = assigned(tree.body)
    revision = text_of(said.get("revision"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    upgrade = functions.get("upgrade")
    if revision is None or upgrade is None:
        return
    names = constants(tree, upgrade)
    changes = tuple(change for call in _calls(upgrade) for change in _changes(call, names, path))
    texts = [text for call, _ in _calls(upgrade) if call.name in EXECUTES for text in sql_of(call.get("sqltext", 0), names) if text]
    ends = any(first_alone(one, path) or first_ending(one, path) for one in texts)
    alone = ends or any(call.name == "autocommit_block" for call, _ in _calls(upgrade))
    yield Written(
        name=revision,
        path=path,
        phase=phase_said(text, path),
        changes=changes,
        irreversible=_irreversible(upgrade, functions.get("downgrade")),
        atomic=not alone,
        after=tuple(one for key in ("down_revision", "depends_on") for one in texts_of(said.get(key))),
    )


def _irreversible(upgrade: ast.FunctionDef, downgrade: ast.FunctionDef | None) -> tuple[str, ...]:
    if _does_nothing(upgrade):
        return ()
    if downgrade is None:
        return ("it has no downgrade",)
    if _does_nothing(downgrade):
        return ("its downgrade does nothing",)
    return ("its downgrade raises",) if any(isinstance(node, ast.Raise) for node in downgrade.body) else ()


def _does_nothing(function: ast.FunctionDef) -> bool:
    return all(
        isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in function.body
    )


Done = tuple[Call, str]
"""A call of `op`, and the table of the block that it stands in: "" outside of `op.batch_alter_table`."""


def _calls(node: ast.AST, table: str = "") -> Iterator[Done]:
    """Every call below a node, in the order of the file."""
    if isinstance(node, ast.With):
        opened = [call for item in node.items if (call := call_of(item.context_expr)) is not None]
        yield from ((call, table) for call in opened)
        inner = next((_table(call, "table_name", 0) for call in opened if call.name == "batch_alter_table"), table)
        for statement in node.body:
            yield from _calls(statement, inner)
        return
    call = call_of(node)
    if call is not None:
        yield call, table
        if call.name in _OPERATIONS or call.name in EXECUTES:
            return
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, table)


def _changes(done: Done, names: Names, path: str) -> Iterator[Change]:
    call, batch = done
    if call.name in EXECUTES:
        yield from executed(call.get("sqltext", 0), names, path)
        return
    make = _OPERATIONS.get(call.name)
    if make is not None:
        # Inside of a block the table is no argument: those behind it stand one place further to the left.
        yield from make(_shifted(call, batch) if batch else call)


def _shifted(call: Call, table: str) -> Call:
    named = ast.Constant(table)
    if call.name in ("create_index", "create_unique_constraint", "create_check_constraint", "create_foreign_key", "drop_index"):
        return Call(call.name, (*call.by_place[:1], named, *call.by_place[1:]), call.by_name)
    return Call(call.name, (named, *call.by_place), call.by_name)


def _table(call: Call, name: str, place: int) -> str:
    schema = text_of(call.get("schema"))
    table = call.text(name, place) or UNNAMED
    return f"{schema}.{table}" if schema and schema != "public" else table


def _create_table(call: Call) -> Iterator[Change]:
    yield Change(_table(call, "table_name", 0), makes=True)


def _drop_table(call: Call) -> Iterator[Change]:
    yield dropped(_table(call, "table_name", 0))


def _rename_table(call: Call) -> Iterator[Change]:
    yield renamed(_table(call, "old_table_name", 0), call.text("new_table_name", 1))


def _add_column(call: Call) -> Iterator[Change]:
    table, column = _table(call, "table_name", 0), call_of(call.get("column", 1))
    if column is None:
        return
    name = column.text("name", 0)
    inner = {one.name for node in column.by_place if (one := call_of(node)) is not None}
    mandatory = column.false("nullable") or column.true("primary_key")
    filled = column.given("server_default") or column.given("autoincrement") or bool(inner & FILLED)
    breaking = f"adds {table}.{name}, NOT NULL and without server_default: what {SERVING} inserts fails" if mandatory and not filled else ""
    lock = REWRITTEN if inner & FILLED else MOMENT
    yield Change(table, name, makes=not breaking, breaking=breaking, lock=lock, mandatory=mandatory, filled=filled)


def _drop_column(call: Call) -> Iterator[Change]:
    yield dropped(_table(call, "table_name", 0), call.text("column_name", 1) or UNNAMED)


def _alter_column(call: Call) -> Iterator[Change]:
    table, column = _table(call, "table_name", 0), call.text("column_name", 1) or UNNAMED
    what = f"{table}.{column}"
    if call.given("server_default") and not call.false("server_default"):
        yield Change(table, column, lock=MOMENT, filled=True)
    if call.true("nullable"):
        yield Change(table, column, lock=MOMENT, mandatory=False)
    if call.false("nullable") and not call.false("existing_nullable"):
        yield Change(table, column, breaking=f"makes {what} NOT NULL, and {SERVING} may leave it empty", lock=CHECKED, mandatory=True)
    if call.given("type_"):
        yield _retyped(table, column, call_of(call.get("existing_type")), call_of(call.get("type_")))
    if is_constant(call.get("server_default"), None):
        words = f"takes the default of {what} away, and {SERVING} may leave it out"
        yield Change(table, column, breaking=words, lock=MOMENT, filled=False)
    if call.given("new_column_name"):
        yield renamed(table, f"{table}.{call.text('new_column_name')}", column)


def _retyped(table: str, column: str, before: Call | None, after: Call | None) -> Change:
    """Another type. One that takes whatever was there, and that old code reads as before, breaks nothing."""
    words = f"changes the type of {table}.{column}"
    if before is None or after is None or not _widens(before, after):
        wide = after is not None and after.name in ("Text", "TEXT", "UnicodeText", "BigInteger", "BIGINT")
        return Change(table, column, breaking=f"{words}, {used(surely=False)}", destructive="" if wide else words, lock=REWRITTEN)
    return Change(table, column, lock=MOMENT if before.name in TEXTS else REWRITTEN)


def _widens(before: Call, after: Call) -> bool:
    if before.name in TEXTS and after.name in TEXTS:
        was, now = (number_of(one.get("length", 0)) for one in (before, after))
        return now is None or (was is not None and now >= was)
    names = [name.lower().removesuffix("eger") for name in (before.name, after.name)]
    return all(name in WHOLES for name in names) and WHOLES.index(names[0]) <= WHOLES.index(names[1])


def _create_index(call: Call) -> Iterator[Change]:
    yield Change(_table(call, "table_name", 1), lock="" if call.true("postgresql_concurrently") else INDEXED)


def _constraint(call: Call) -> Iterator[Change]:
    yield Change(_table(call, "table_name", 1), lock=MOMENT if call.true("postgresql_not_valid") else CHECKED)


def _foreign_key(call: Call) -> Iterator[Change]:
    lock = MOMENT if call.true("postgresql_not_valid") else "against writes while its rows are checked"
    yield Change(_table(call, "source_table", 1), lock=lock)


_OPERATIONS = {
    "create_table": _create_table,
    "drop_table": _drop_table,
    "rename_table": _rename_table,
    "add_column": _add_column,
    "drop_column": _drop_column,
    "alter_column": _alter_column,
    "create_index": _create_index,
    "create_unique_constraint": _constraint,
    "create_check_constraint": _constraint,
    "create_primary_key": _constraint,
    "create_foreign_key": _foreign_key,
}

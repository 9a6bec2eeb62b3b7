"""The files of a project's Django migrations in, migrations out: what their operations do to which tables, by the state that they build up.

Only what the commit itself has is read: packages bring migrations of their own, which the release's host sees.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from shipway.model.migration import SERVING
from shipway.release.migrations.django_models import Column, Models, column_of
from shipway.release.migrations.embedded import Names, constants, executed
from shipway.release.migrations.order import ordered
from shipway.release.migrations.syntax import Call, assigned, call_of, is_constant, items_of, parsed, text_of
from shipway.release.migrations.written import CHECKED, INDEXED, MOMENT, REWRITTEN, Change, Written, dropped, phase_said, renamed
from shipway_agent.record import dataclass, replace

APPS = "apps.py"
FOLDER = "migrations"

_FILE = re.compile(r"[^_.~][^.]*\.py")

FIRST, LATEST = "__first__", "__latest__"


@dataclass(frozen=True, slots=True)
class _File:
    """One migration as its file says it; `app` is its application's label, `names` are what its constants are called."""

    app: str
    path: str
    names: Names
    operations: tuple[ast.expr, ...]
    written: Written


def is_django(path: str, folder: str) -> bool:
    """Whether a file of the tree, below `folder`, is a migration, or may say what its application is called."""
    if folder not in (".", "") and not path.startswith(f"{folder.rstrip('/')}/"):
        return False
    directory, name = posixpath.split(path)
    return name == APPS or (posixpath.basename(directory) == FOLDER and bool(_FILE.fullmatch(name)))


def read_django(files: Mapping[str, str]) -> tuple[Written, ...]:
    """In an order in which they can run. Raises WrongInput for a file that is no Python, naming the line."""
    found = [one for path, text in sorted(files.items()) if posixpath.basename(path) != APPS for one in _read(path, text, files)]
    in_order = ordered(_linked(found))
    by_name = {one.written.name: one for one in found}
    models = Models()
    return tuple(_told(by_name[one.name], one, models, {*by_name}) for one in in_order)


def _read(path: str, text: str, files: Mapping[str, str]) -> Iterator[_File]:
    tree = parsed(text, path)
    found = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Migration"), None)
    if found is None:
        return
    said = assigned(found.body)
    package = posixpath.dirname(posixpath.dirname(path))
    app = _label(package, files)
    written = Written(
        name=f"{app}.{posixpath.basename(path).removesuffix('.py')}",
        path=path,
        phase=phase_said(text, path),
        atomic=not is_constant(said.get("atomic"), False),
        after=tuple(_names(said.get("dependencies"))),
        replaces=tuple(_names(said.get("replaces"))),
    )
    before = tuple(_names(said.get("run_before")))
    written = replace(written, after=(*written.after, *(f"<{b}" for b in before)))
    yield _File(app, path, constants(tree, found), tuple(items_of(said.get("operations"))), written)


def _label(package: str, files: Mapping[str, str]) -> str:
    """What the application is called: as its AppConfig says, else as its package."""
    text = files.get(f"{package}/{APPS}" if package else APPS)
    for node in parsed(text, f"{package}/{APPS}").body if text is not None else ():
        if isinstance(node, ast.ClassDef):
            said = assigned(node.body)
            label, name = text_of(said.get("label")), text_of(said.get("name"))
            if label or name:
                return label or str(name).rpartition(".")[2]
    return posixpath.basename(package)


def _names(node: ast.AST | None) -> Iterator[str]:
    """`[("shop", "0002_note")]` as names. What depends on a setting is not known here."""
    for item in items_of(node):
        parts = [text_of(part) for part in items_of(item)]
        if len(parts) == 2 and parts[0] is not None and parts[1] is not None:
            yield f"{parts[0]}.{parts[1]}"


def _linked(found: Iterable[_File]) -> list[Written]:
    """Each with the names that it comes behind: also those that want to be before it, and the first or last of an application."""
    files = list(found)
    of_app: dict[str, list[str]] = {}
    for one in files:
        of_app.setdefault(one.app, []).append(one.written.name)
    earlier: dict[str, list[str]] = {}
    for one in files:
        for name in one.written.after:
            if name.startswith("<"):
                earlier.setdefault(name[1:], []).append(one.written.name)
    stands = {name: one.written.name for one in files for name in one.written.replaces}
    linked = []
    for one in files:
        after = [name for name in one.written.after if not name.startswith("<")]
        after = [_end(name, of_app) for name in after] + earlier.get(one.written.name, [])
        after += [stands[name] for name in after if name in stands and stands[name] != one.written.name]
        linked.append(replace(one.written, after=tuple(dict.fromkeys(name for name in after if name != one.written.name))))
    return linked


def _end(name: str, of_app: Mapping[str, list[str]]) -> str:
    app, _, one = name.partition(".")
    known = sorted(of_app.get(app, ()))
    return known[0] if known and one == FIRST else known[-1] if known and one == LATEST else name


def _told(one: _File, written: Written, models: Models, known: set[str]) -> Written:
    """What a migration does, told by its operations. The state goes on with it, but for a squashed one beside those that it stands for."""
    state = models.copy() if known.intersection(written.replaces) else models
    changes: list[Change] = []
    irreversible: list[str] = []
    for operation in one.operations:
        call = call_of(operation)
        if call is not None:
            changes += _operation(one, call, state, irreversible)
    return replace(written, changes=tuple(changes), irreversible=tuple(dict.fromkeys(irreversible)))


def _operation(one: _File, call: Call, models: Models, irreversible: list[str]) -> list[Change]:
    if call.name == "SeparateDatabaseAndState":
        aside, done = models.copy(), list[Change]()
        for node in items_of(call.get("database_operations", 0)):
            inner = call_of(node)
            done += _operation(one, inner, aside, irreversible) if inner is not None else []
        for node in items_of(call.get("state_operations", 1)):
            inner = call_of(node)
            if inner is not None:
                _operation(one, inner, models, [])
        return done
    if call.name == "RunPython":
        irreversible += [] if call.get("reverse_code", 1) is not None else ["RunPython without reverse_code"]
        return []
    if call.name == "RunSQL":
        if call.get("reverse_sql", 1) is None:
            irreversible.append("RunSQL without reverse_sql")
        for node in items_of(call.get("state_operations", 2)):
            inner = call_of(node)
            if inner is not None:
                _operation(one, inner, models, [])
        return list(executed(call.get("sql", 0), one.names, one.path))
    make = _SCHEMA.get(call.name)
    return [] if make is None else list(make(one.app, call, models))


def _create_model(app: str, call: Call, models: Models) -> Iterator[Change]:
    table = models.create(app, call)
    if table:
        yield Change(table, makes=True)


def _delete_model(app: str, call: Call, models: Models) -> Iterator[Change]:
    table = models.delete(app, call.text("name", 0))
    if table:
        yield dropped(table, surely=True)


def _rename_model(app: str, call: Call, models: Models) -> Iterator[Change]:
    before, after = models.rename(app, call.text("old_name", 0), call.text("new_name", 1))
    if before != after:
        yield renamed(before, after, surely=True)


def _alter_table(app: str, call: Call, models: Models) -> Iterator[Change]:
    before, after = models.move(app, call.text("name", 0), text_of(call.get("table", 1)))
    if before and before != after:
        yield renamed(before, after, surely=True)


def _add_field(app: str, call: Call, models: Models) -> Iterator[Change]:
    """Django gives a new column its default for the rows that are there, and takes that default away again: nothing fills it then."""
    table, name = models.table(app, call.text("model_name", 0)), call.text("name", 1)
    column = column_of(name, call.get("field", 2))
    models.columns(app, call.text("model_name", 0))[name] = column
    if not column.column:
        yield Change(f"{table}_{name}", makes=True)
        return
    what = f"{table}.{column.column}"
    breaking = ""
    if column.mandatory and not column.filled:
        breaking = f"adds {what}, NOT NULL and without db_default: what {SERVING} inserts fails"
    mandatory, filled = column.mandatory, column.filled
    yield Change(table, column.column, makes=not breaking, breaking=breaking, lock=MOMENT, mandatory=mandatory, filled=filled)


def _remove_field(app: str, call: Call, models: Models) -> Iterator[Change]:
    model, name = call.text("model_name", 0), call.text("name", 1)
    table = models.table(app, model)
    column = models.columns(app, model).pop(name, Column(name))
    yield dropped(table, column.column, surely=True) if column.column else dropped(f"{table}_{name}", surely=True)


def _rename_field(app: str, call: Call, models: Models) -> Iterator[Change]:
    model, old, new = call.text("model_name", 0), call.text("old_name", 1), call.text("new_name", 2)
    table, columns = models.table(app, model), models.columns(app, model)
    before = columns.pop(old, Column(old))
    columns[new] = after = before.called(old, new)
    if before.column != after.column:
        yield renamed(table, f"{table}.{after.column}", before.column, surely=True)


def _alter_field(app: str, call: Call, models: Models) -> Iterator[Change]:
    model, name = call.text("model_name", 0), call.text("name", 1)
    table, columns = models.table(app, model), models.columns(app, model)
    before, after = columns.get(name), column_of(name, call.get("field", 2))
    columns[name] = after
    if before is None or not before.column or not after.column:
        return
    what = f"{table}.{before.column}"
    if before.column != after.column:
        yield renamed(table, f"{table}.{after.column}", before.column, surely=True)
    if after.filled != before.filled:
        words = "" if after.filled or not after.mandatory else f"takes db_default of {what} away, and {SERVING} may leave it out"
        yield Change(table, before.column, breaking=words, lock=MOMENT, filled=after.filled)
    if after.mandatory and not before.mandatory:
        words = f"makes {what} NOT NULL, and {SERVING} may leave it empty"
        yield Change(table, before.column, breaking=words, lock=CHECKED, mandatory=True)
    elif before.mandatory and not after.mandatory:
        yield Change(table, before.column, lock=MOMENT, mandatory=False)
    if after.kind != before.kind and not after.widens(before):
        words = f"changes {what} from {before.kind} to {after.kind}"
        yield Change(table, before.column, breaking=f"{words}, which {SERVING} does not expect", destructive=words, lock=REWRITTEN)
    elif after.kind != before.kind and after.rewrites(before):
        yield Change(table, before.column, lock=REWRITTEN)
    if before.length is not None and after.length is not None and after.length < before.length:
        words = f"shortens {what} from {before.length} to {after.length} characters"
        yield Change(table, before.column, breaking=f"{words}, and {SERVING} may write longer ones", lock=REWRITTEN)
    if after.loses_digits(before):
        words = f"narrows {what} from {before.digits} digits, {before.places} behind the point, to {after.digits}, {after.places}"
        yield Change(table, before.column, breaking=f"{words}, and {SERVING} may write more", destructive=words, lock=REWRITTEN)
    if after.indexed and not before.indexed:
        yield Change(table, before.column, lock=INDEXED)


def _index(app: str, call: Call, models: Models) -> Iterator[Change]:
    yield Change(models.table(app, call.text("model_name", 0)), lock=INDEXED)


def _constraint(app: str, call: Call, models: Models) -> Iterator[Change]:
    yield Change(models.table(app, call.text("model_name", 0)), lock=CHECKED)


def _unique_together(app: str, call: Call, models: Models) -> Iterator[Change]:
    if items_of(call.get("unique_together", 1)):
        yield Change(models.table(app, call.text("name", 0)), lock=CHECKED)


def _no_lock(app: str, call: Call, models: Models) -> Iterator[Change]:
    yield Change(models.table(app, call.text("model_name", 0)))


_SCHEMA = {
    "CreateModel": _create_model,
    "DeleteModel": _delete_model,
    "RenameModel": _rename_model,
    "AlterModelTable": _alter_table,
    "AddField": _add_field,
    "RemoveField": _remove_field,
    "RenameField": _rename_field,
    "AlterField": _alter_field,
    "AddIndex": _index,
    "AddConstraint": _constraint,
    "AlterUniqueTogether": _unique_together,
    "AddIndexConcurrently": _no_lock,
    "RemoveIndexConcurrently": _no_lock,
    "RemoveIndex": _no_lock,
    "RemoveConstraint": _no_lock,
    "AddConstraintNotValid": _no_lock,
    "ValidateConstraint": _no_lock,
}

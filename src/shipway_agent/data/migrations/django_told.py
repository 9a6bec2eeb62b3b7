"""A Django migration in, by the application's own Python; out, what it does to which tables, what is lost by it and what it locks.

Its text is run by `manage.py shell -c`, as django_inside.py says.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import Any, Dict, List

MOMENT = "against reads and writes for a moment"
REWRITTEN = "against reads and writes while it is rewritten"
CHECKED = "against reads and writes while its rows are checked"
INDEXED = "against writes while an index is built"

LOCKS = {
    "AddField": MOMENT,
    "RemoveField": MOMENT,
    "RenameField": MOMENT,
    "RenameModel": MOMENT,
    "DeleteModel": MOMENT,
    "AlterModelTable": MOMENT,
    "AddIndexConcurrently": "",
    "AddConstraintNotValid": "",
    "AddIndex": INDEXED,
    "AddConstraint": CHECKED,
    "AlterUniqueTogether": CHECKED,
}

LOSES = re.compile(r"\b(DROP\s+TABLE|DROP\s+COLUMN|TRUNCATE|DELETE\s+FROM)\s+(?:(?:IF\s+EXISTS|ONLY|TABLE)\s+)*([\w.\"]+)", re.IGNORECASE)
LOST = {"DROP TABLE": "drops {}", "DROP COLUMN": "drops {}", "TRUNCATE": "empties {}", "DELETE FROM": "deletes rows of {}"}


class Told:
    """What migrations that are pending do to which tables, told one after the other; `state` goes on with them."""

    def __init__(self, connection: Any, state: Any) -> None:
        self.connection = connection
        self.state = state
        self.made: List[str] = []

    def of(self, migration: Any) -> Dict[str, Any]:
        """{"tables", "destructive", "locks"}. What pending ones make themselves nobody has lost or waits for."""
        self.tables: List[str] = []
        self.destructive: List[str] = []
        self.locks: List[str] = []
        for operation in migration.operations:
            self.operation(migration.app_label, operation, self.state)
        return {"tables": unique(self.tables), "destructive": unique(self.destructive), "locks": unique(self.locks)}

    def operation(self, app: str, operation: Any, state: Any) -> None:
        kinds = [one.__name__ for one in type(operation).__mro__]
        if "SeparateDatabaseAndState" in kinds:
            aside = state.clone()
            for one in operation.database_operations:
                self.operation(app, one, aside)
        elif "RunSQL" in kinds:
            for text in texts_of(operation.sql):
                for what, name in LOSES.findall(text):
                    self.loses(LOST[" ".join(what.upper().split())], name.replace('"', ""))
        elif hasattr(operation, "model_name") or hasattr(operation, "name_lower"):
            self.schema(app, operation, kinds, state)
            return
        operation.state_forwards(app, state)

    def schema(self, app: str, operation: Any, kinds: List[str], state: Any) -> None:
        model = getattr(operation, "model_name", None) or getattr(operation, "old_name", None) or operation.name
        before = self.table(app, model, state)
        gone = self.field(app, model, getattr(operation, "name", ""), state) if "RemoveField" in kinds or "AlterField" in kinds else None
        operation.state_forwards(app, state)
        if "CreateModel" in kinds:
            self.touch(self.table(app, model, state), made=True)
            return
        if not before:
            return
        if "RemoveField" in kinds and gone is not None:
            if gone.many_to_many:
                self.loses("drops {}", gone.db_table or f"{before}_{operation.name}")
                return
            self.loses("drops {}", f"{before}.{gone.db_column or operation.name + ('_id' if gone.is_relation else '')}")
        if "DeleteModel" in kinds:
            self.loses("drops {}", before)
        if "AlterField" in kinds and gone is not None:
            self.touch(before, self.altered(gone, operation.field))
        else:
            self.touch(before, next((LOCKS[kind] for kind in kinds if kind in LOCKS), ""))

    def altered(self, before: Any, after: Any) -> str:
        """What another definition of a column locks, as far as fields can tell that belong to no model."""
        if before.is_relation or after.is_relation:
            return MOMENT
        if before.db_type(self.connection) != after.db_type(self.connection):
            return REWRITTEN
        if before.null and not after.null:
            return CHECKED
        return INDEXED if (after.db_index or after.unique) and not (before.db_index or before.unique) else ""

    def touch(self, table: str, lock: str = "", *, made: bool = False) -> None:
        if not table:
            return
        self.tables.append(table)
        if made:
            self.made.append(table)
        elif lock and table not in self.made and self.connection.vendor == "postgresql":
            self.locks.append(f"{table} {lock}")

    def loses(self, words: str, what: str) -> None:
        if what.partition(".")[0] not in self.made:
            self.destructive.append(words.format(what))

    def table(self, app: str, model: str, state: Any) -> str:
        """As the database names it; "" where there is none that these migrations care for."""
        found = state.models.get((app, model.lower()))
        router = import_module("django.db").router
        if found is None or found.options.get("proxy") or found.options.get("managed") is False:
            return ""
        if not router.allow_migrate(self.connection.alias, app, model_name=model.lower()):
            return ""
        truncated = import_module("django.db.backends.utils").truncate_name
        return str(found.options.get("db_table") or truncated(f"{app}_{model.lower()}", self.connection.ops.max_name_length()))

    def field(self, app: str, model: str, name: str, state: Any) -> Any:
        found = state.models.get((app, model.lower()))
        return dict(found.fields).get(name) if found is not None else None


def said_in(migration: Any) -> str:
    """The text of its file, where that may have a word for us."""
    path = getattr(sys.modules[migration.__module__], "__file__", None) or ""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return ""
    return text if "shipway" in text.lower() else ""


def irreversible(operation: Any) -> List[str]:
    """Why it cannot be taken back."""
    inner = getattr(operation, "database_operations", None)
    if inner is not None:
        return [words for one in inner for words in irreversible(one)]
    if operation.reversible:
        return []
    kind = type(operation).__name__
    lacks = {"RunPython": "RunPython without reverse_code", "RunSQL": "RunSQL without reverse_sql"}
    return [lacks.get(kind, f"{kind} cannot be taken back")]


def texts_of(sql: Any) -> List[str]:
    """The statements of a RunSQL."""
    if isinstance(sql, str):
        return [sql]
    return [str(one[0] if isinstance(one, (list, tuple)) else one) for one in sql or ()]


def unique(words: Any) -> List[str]:
    return list(dict.fromkeys(words))

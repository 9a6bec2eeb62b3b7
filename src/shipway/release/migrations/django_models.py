"""Operations of Django's migrations in, the models as they stand after them out: their tables, and what matters of their columns."""

from __future__ import annotations

import ast

from shipway.release.migrations.syntax import Call, call_of, is_constant, items_of, number_of, text_of
from shipway_agent.record import dataclass, replace

FOREIGN = frozenset({"ForeignKey", "OneToOneField"})
NO_COLUMN = frozenset({"ManyToManyField", "GenericForeignKey", "GenericRelation", "CompositePrimaryKey"})
FILLS_ITSELF = frozenset({"AutoField", "BigAutoField", "SmallAutoField", "GeneratedField"})

TEXTS = frozenset({"CharField", "TextField", "SlugField", "EmailField", "URLField", "FileField", "ImageField", "FilePathField"})
"""Kinds whose columns hold text of some length."""

WIDER = {
    **dict.fromkeys(TEXTS - {"TextField"}, tuple(TEXTS)),
    "SmallIntegerField": ("IntegerField", "BigIntegerField", "PositiveSmallIntegerField"),
    "PositiveSmallIntegerField": ("SmallIntegerField", "PositiveIntegerField", "IntegerField", "BigIntegerField"),
    "IntegerField": ("BigIntegerField", "PositiveIntegerField"),
    "PositiveIntegerField": ("IntegerField", "BigIntegerField", "PositiveBigIntegerField"),
    "AutoField": ("BigAutoField",),
    "ForeignKey": ("OneToOneField",),
    "OneToOneField": ("ForeignKey",),
    "NullBooleanField": ("BooleanField",),
}
"""Kinds of fields whose columns take whatever those of another kind hold, and which that one's code can read."""

OWN = TEXTS | {
    *("AutoField", "BigAutoField", "SmallAutoField", "BigIntegerField", "BinaryField", "BooleanField", "DateField", "DateTimeField"),
    *(
        "DecimalField",
        "DurationField",
        "FloatField",
        "ForeignKey",
        "GenericIPAddressField",
        "IntegerField",
        "JSONField",
        "NullBooleanField",
    ),
    *("OneToOneField", "PositiveBigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField", "SmallIntegerField", "TimeField"),
    "UUIDField",
}
"""Django's own kinds. Of a project's own nobody knows here what its column is."""

SAME = (TEXTS, {"ForeignKey", "OneToOneField"})
"""Kinds that PostgreSQL changes into each other without writing a row anew."""


@dataclass(frozen=True, slots=True)
class Column:
    """`column` is "" for a field without one; `filled` when the database itself fills it; `length` in characters.

    `digits` of a decimal are all of them, `places` those behind its point.
    """

    column: str
    kind: str = ""
    mandatory: bool = False
    filled: bool = False
    indexed: bool = False
    length: int | None = None
    named: bool = False
    digits: int | None = None
    places: int | None = None

    def called(self, old: str, new: str) -> Column:
        """The same field under another name: its column follows, unless it has a name of its own."""
        if self.named or not self.column:
            return self
        return replace(self, column=f"{new}_id" if self.kind in FOREIGN else new)

    def widens(self, before: Column) -> bool:
        """Whether it takes whatever was there, and old code can live with it."""
        return self.kind in WIDER.get(before.kind, ()) or not {self.kind, before.kind} <= OWN

    def loses_digits(self, before: Column) -> bool:
        """Whether decimals that were there do not fit: on either side of the point."""
        if self.digits is None or self.places is None or before.digits is None or before.places is None:
            return False
        return self.places < before.places or self.digits - self.places < before.digits - before.places

    def rewrites(self, before: Column) -> bool:
        """Whether every row is written anew for it."""
        kinds = {self.kind, before.kind}
        return kinds <= OWN and not any(kinds <= same for same in SAME)


def column_of(name: str, node: ast.AST | None) -> Column:
    """What a field is in the database."""
    field = call_of(node)
    if field is None:
        return Column(name)
    if field.name in NO_COLUMN:
        return Column("", field.name)
    written = text_of(field.get("db_column"))
    return Column(
        column=written or (f"{name}_id" if field.name in FOREIGN else name),
        kind=field.name,
        mandatory=not field.true("null"),
        filled=field.name in FILLS_ITSELF or field.given("db_default"),
        indexed=field.true("db_index") or field.true("unique") or field.name in (*FOREIGN, "SlugField"),
        length=number_of(field.get("max_length")),
        named=bool(written),
        digits=number_of(field.get("max_digits")),
        places=number_of(field.get("decimal_places")),
    )


class Models:
    """Tables by application and model, columns by field. What no migration of the commit made has the name that Django would give it."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, str], str] = {}
        self._named: set[tuple[str, str]] = set()
        self._columns: dict[tuple[str, str], dict[str, Column]] = {}

    def copy(self) -> Models:
        """The same, to go on elsewhere."""
        other = Models()
        other._tables, other._named = dict(self._tables), set(self._named)
        other._columns = {key: dict(columns) for key, columns in self._columns.items()}
        return other

    def table(self, app: str, model: str) -> str:
        """The table of a model."""
        return self._tables.get((app, model.lower()), f"{app}_{model.lower()}")

    def columns(self, app: str, model: str) -> dict[str, Column]:
        """Its columns, which may be changed."""
        return self._columns.setdefault((app, model.lower()), {})

    def create(self, app: str, call: Call) -> str:
        """Take in a new model; its table, "" where it has none of its own."""
        name = call.text("name", 0).lower()
        options = call.get("options", 2)
        said = {text_of(key): value for key, value in zip(options.keys, options.values)} if isinstance(options, ast.Dict) else {}
        table = text_of(said.get("db_table"))
        key = app, name
        self._tables[key] = table or f"{app}_{name}"
        if table:
            self._named.add(key)
        for item in items_of(call.get("fields", 1)):
            pair = items_of(item)
            if len(pair) == 2 and (field := text_of(pair[0])):
                self.columns(app, name)[field] = column_of(field, pair[1])
        return "" if is_constant(said.get("proxy"), True) or is_constant(said.get("managed"), False) else self._tables[key]

    def delete(self, app: str, model: str) -> str:
        """Take a model out; the table that goes with it."""
        table = self.table(app, model)
        self._tables.pop((app, model.lower()), None)
        self._columns.pop((app, model.lower()), None)
        return table

    def rename(self, app: str, old: str, new: str) -> tuple[str, str]:
        """Its table before and after."""
        before, key = self.table(app, old), (app, old.lower())
        after = before if key in self._named else f"{app}_{new.lower()}"
        self._columns[app, new.lower()] = self._columns.pop(key, {})
        self._tables.pop(key, None)
        self._tables[app, new.lower()] = after
        if key in self._named:
            self._named.add((app, new.lower()))
        return before, after

    def move(self, app: str, model: str, table: str | None) -> tuple[str, str]:
        """Its table before, and the one that it is given: None for what Django would call it."""
        before, key = self.table(app, model), (app, model.lower())
        self._tables[key] = table or f"{app}_{model.lower()}"
        if table:
            self._named.add(key)
        return before, self._tables[key]

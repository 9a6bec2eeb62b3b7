"""A statement of SQL in; out, what it does to which tables, and whether it can be in a transaction. It is told by its words alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shipway.model.migration import SERVING
from shipway.release.migrations.tokens import Statement, Token, statements
from shipway.release.migrations.written import CHECKED, INDEXED, MOMENT, REWRITTEN, Change, dropped, renamed, used

WIDE = frozenset({"TEXT", "BIGINT", "INT8", "NUMERIC", "DECIMAL", "DOUBLE", "TIMESTAMPTZ", "JSONB"})
"""Types that take every value of those that people usually leave for them."""

FILLED = frozenset({"DEFAULT", "GENERATED", "SERIAL", "BIGSERIAL", "SMALLSERIAL", "SERIAL4", "SERIAL8", "AUTOINCREMENT"})
"""What fills a new column where an INSERT does not name it."""

STABLE = frozenset({"NOW", "CURRENT_TIMESTAMP", "CURRENT_DATE", "LOCALTIMESTAMP", "TRANSACTION_TIMESTAMP", "STATEMENT_TIMESTAMP"})
"""Functions that PostgreSQL calls once for all rows that are there."""


def changes_of(text: str, path: str) -> tuple[Change, ...]:
    """What all statements of a text do, in order. Raises WrongInput for a text that has no end."""
    return tuple(change for statement in statements(text, path) for change in _changes(statement))


def first_alone(text: str, path: str) -> Token | None:
    """Where the first statement begins that refuses to be in a transaction; None where all of them can be in one."""
    return next((statement[0] for statement in statements(text, path) if _alone(statement)), None)


def _alone(statement: Statement) -> bool:
    words = [token.word for token in statement]
    index = words[:1] in (["CREATE"], ["DROP"], ["REINDEX"]) and "CONCURRENTLY" in words
    place = words[:1] in (["CREATE"], ["DROP"]) and words[1:2] in (["DATABASE"], ["TABLESPACE"])
    return index or place or words[:1] == ["VACUUM"] or words[:2] == ["ALTER", "SYSTEM"]


def _changes(statement: Statement) -> Iterator[Change]:
    here = _Reading(statement)
    if here.took("ALTER", "TABLE"):
        yield from _alter_table(here)
    elif here.took("DROP", "TABLE"):
        yield from (dropped(table) for table in here.names())
    elif here.took("DROP", "MATERIALIZED", "VIEW") or here.took("DROP", "VIEW"):
        yield from (Change(view, breaking=f"drops {view}, {used(surely=False)}") for view in here.names())
    elif here.took("DROP", "SCHEMA"):
        yield from (Change(name, breaking=f"drops {name}, {used(surely=False)}", destructive=f"drops {name}") for name in here.names())
    elif here.took("TRUNCATE"):
        here.took("TABLE")
        yield from (Change(table, destructive=f"empties {table}", lock=MOMENT) for table in here.names())
    elif here.took("DELETE", "FROM"):
        table = here.name()
        yield Change(table, destructive=f"deletes {'rows' if here.has('WHERE') else 'every row'} of {table}")
    elif here.took("UPDATE"):
        yield from _update(here)
    elif here.took("CREATE"):
        yield from _create(here)
    elif here.took("LOCK"):
        here.took("TABLE")
        yield from (Change(table, lock="as it says itself") for table in here.names())
    elif here.took("VACUUM") or here.took("CLUSTER"):
        if here.took("FULL") or statement[0].word == "CLUSTER":
            yield from (Change(table, lock=REWRITTEN) for table in here.names())
    elif here.took("REINDEX", "TABLE") and not here.took("CONCURRENTLY"):
        yield from (Change(table, lock=INDEXED) for table in here.names())


def _create(here: _Reading) -> Iterator[Change]:
    while here.took("GLOBAL") or here.took("LOCAL") or here.took("TEMP") or here.took("TEMPORARY") or here.took("UNLOGGED"):
        pass
    if here.took("TABLE"):
        yield Change(here.name(), makes=True)
        return
    here.took("UNIQUE")
    if here.took("INDEX"):
        concurrently = here.took("CONCURRENTLY")
        if here.past("ON"):
            yield Change(here.name(), lock="" if concurrently else INDEXED)


def _update(here: _Reading) -> Iterator[Change]:
    table = here.name()
    if here.has("WHERE") or not here.past("SET"):
        yield Change(table)
        return
    yield Change(table, here.name(), destructive=f"overwrites every row of {table}")


def _alter_table(here: _Reading) -> Iterator[Change]:
    table = here.name()
    for action in here.parts():
        yield _action(table, action)


def _action(table: str, here: _Reading) -> Change:
    if here.took("ADD"):
        return _added(table, here)
    if here.took("DROP"):
        if here.took("CONSTRAINT"):
            return Change(table, lock=MOMENT)
        here.took("COLUMN")
        return dropped(table, here.name())
    if here.took("RENAME"):
        if here.took("CONSTRAINT"):
            return Change(table, lock=MOMENT)
        if here.took("TO"):
            return renamed(table, here.name())
        here.took("COLUMN")
        column = here.name()
        here.took("TO")
        return renamed(table, f"{table}.{here.name()}", column)
    if here.took("ALTER") and not here.took("CONSTRAINT"):
        here.took("COLUMN")
        return _altered(table, here.name(), here)
    if here.took("SET", "SCHEMA"):
        return Change(table, breaking=f"moves {table} to another schema, {used(surely=False)}", lock=MOMENT)
    if here.took("VALIDATE"):
        return Change(table)
    return Change(table, lock=MOMENT)


def _added(table: str, here: _Reading) -> Change:
    if here.word in ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "EXCLUDE"):
        if here.has("VALID") or here.has("USING", "INDEX"):
            return Change(table, lock=MOMENT)
        foreign = here.has("FOREIGN") or here.has("REFERENCES")
        return Change(table, lock="against writes while its rows are checked" if foreign else CHECKED)
    here.took("COLUMN")
    column = here.name()
    filled = any(here.has(word) for word in FILLED)
    mandatory = here.has("NOT", "NULL") or here.has("PRIMARY", "KEY")
    breaking = f"adds {table}.{column}, NOT NULL and without a default: what {SERVING} inserts fails" if mandatory and not filled else ""
    rewrites = any(here.has(word) for word in FILLED - {"DEFAULT"}) or here.calls(besides=STABLE)
    lock = REWRITTEN if rewrites else MOMENT
    return Change(table, column, makes=not breaking, breaking=breaking, lock=lock, mandatory=mandatory, filled=filled)


def _altered(table: str, column: str, here: _Reading) -> Change:
    what = f"{table}.{column}"
    if here.took("SET", "NOT", "NULL"):
        words = f"makes {what} NOT NULL, and {SERVING} may leave it empty"
        return Change(table, column, breaking=words, lock=CHECKED, mandatory=True)
    if here.took("DROP", "DEFAULT"):
        words = f"takes the default of {what} away, and {SERVING} may leave it out"
        return Change(table, column, breaking=words, lock=MOMENT, filled=False)
    if here.took("DROP", "NOT", "NULL"):
        return Change(table, column, lock=MOMENT, mandatory=False)
    if here.took("SET", "DEFAULT"):
        return Change(table, column, lock=MOMENT, filled=True)
    if here.took("TYPE") or here.took("SET", "DATA", "TYPE"):
        narrow = here.word not in WIDE and not (here.word in ("VARCHAR", "CHARACTER") and not here.has("("))
        words = f"changes the type of {what}"
        return Change(table, column, breaking=f"{words}, {used(surely=False)}", destructive=words if narrow else "", lock=REWRITTEN)
    return Change(table, column, lock=MOMENT)


class _Reading:
    """A statement, or a part of one, read word by word."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def word(self) -> str:
        """The next word in capitals, "" where there is none."""
        return self._tokens[self._at].word if self._at < len(self._tokens) else ""

    def took(self, *words: str) -> bool:
        """Whether these come next; then they are passed."""
        there = tuple(token.word for token in self._tokens[self._at : self._at + len(words)]) == words
        self._at += len(words) if there else 0
        return there

    def past(self, word: str) -> bool:
        """Go behind the next such word; False where there is none."""
        for number in range(self._at, len(self._tokens)):
            if self._tokens[number].word == word:
                self._at = number + 1
                return True
        return False

    def has(self, *words: str) -> bool:
        """Whether these stand somewhere in the rest, one after the other. A "(" is a word here."""
        rest = [token.word or token.text for token in self._tokens[self._at :]]
        return any(tuple(rest[number : number + len(words)]) == words for number in range(len(rest)))

    def calls(self, *, besides: frozenset[str]) -> bool:
        """Whether the default of a column is what a function says for each row."""
        rest = self._tokens[self._at :]
        for number, token in enumerate(rest):
            if token.word == "DEFAULT":
                behind = rest[number + 1 : number + 3]
                return len(behind) == 2 and bool(behind[0].word) and behind[0].word not in besides and behind[1].text == "("
        return False

    def name(self) -> str:
        """The next name, with its schema but for `public`; words that may stand before a name are passed."""
        while self.took("IF", "NOT", "EXISTS") or self.took("IF", "EXISTS") or self.took("ONLY"):
            pass
        parts = [self._plain()]
        while self._at < len(self._tokens) and self._tokens[self._at].text == ".":
            self._at += 1
            parts.append(self._plain())
        return ".".join(parts[1:] if parts[0] == "public" and len(parts) > 1 else parts)

    def names(self) -> list[str]:
        """This name, and those behind commas."""
        found = [self.name()]
        while self._at < len(self._tokens) and self._tokens[self._at].text == ",":
            self._at += 1
            found.append(self.name())
        return [name for name in found if name]

    def parts(self) -> Iterator[_Reading]:
        """The rest, at its commas; those in parentheses divide nothing."""
        depth, part = 0, list[Token]()
        for token in self._tokens[self._at :]:
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "other" else 0
            if token.text == "," and depth == 0:
                yield _Reading(part)
                part = []
            else:
                part.append(token)
        if part:
            yield _Reading(part)

    def _plain(self) -> str:
        """One part of a name as the database has it: small letters, unless it is quoted."""
        if self._at >= len(self._tokens):
            return ""
        token = self._tokens[self._at]
        self._at += 1
        if token.kind == "name":
            return token.text[1:-1].replace('""', '"')
        return token.text.lower() if token.kind == "word" else token.text

"""A statement of SQL in; out, what it does to which tables, and whether it can be in a transaction. It is told by its words alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from shipway.model.errors import WrongInput
from shipway.model.migration import SERVING
from shipway.release.migrations.block import body_of, inner, plain
from shipway.release.migrations.tokens import Statement, Token, statements
from shipway.release.migrations.written import CHECKED, INDEXED, MOMENT, REWRITTEN, UNKNOWN, UNNAMED, UNREAD, Change, dropped, renamed, used
from shipway_agent.record import replace

WIDE = frozenset({"TEXT", "VARCHAR", "BIGINT", "INT8", "NUMERIC", "DECIMAL", "DOUBLE", "TIMESTAMPTZ", "JSONB"})
"""Types that take every value of those that people usually leave for them."""

FILLED = frozenset({"DEFAULT", "GENERATED", "SERIAL", "BIGSERIAL", "SMALLSERIAL", "SERIAL4", "SERIAL8", "AUTOINCREMENT"})
"""What fills a new column where an INSERT does not name it."""

STABLE = frozenset({"NOW", "CURRENT_TIMESTAMP", "CURRENT_DATE", "LOCALTIMESTAMP", "TRANSACTION_TIMESTAMP", "STATEMENT_TIMESTAMP"})
"""Functions that PostgreSQL calls once for all rows that are there."""


ENDS = frozenset({"BEGIN", "START", "COMMIT", "END", "ABORT", "ROLLBACK"})

_FORMAT = re.compile(r"%(?:\d+\$)?[-\d]*[IsL]")


def changes_of(text: str, path: str) -> tuple[Change, ...]:
    """What all statements of a text do, in order. Raises WrongInput for a text that has no end."""
    return tuple(change for statement in statements(text, path) for change in _changes(statement, path))


def first_alone(text: str, path: str) -> Token | None:
    """Where the first statement begins that refuses to be in a transaction; None where all of them can be in one."""
    return next((statement[0] for statement in statements(text, path) if _alone(statement)), None)


def first_ending(text: str, path: str) -> Token | None:
    """Where the first statement begins that begins or ends a transaction; None where none does. Savepoints are no such thing."""
    return next((statement[0] for statement in statements(text, path) if _ends(statement)), None)


def _ends(statement: Statement) -> bool:
    words = [token.word for token in statement]
    return (words[0] in ENDS and "TO" not in words) or words[:2] == ["PREPARE", "TRANSACTION"]


def _alone(statement: Statement) -> bool:
    words = [token.word for token in statement]
    index = words[:1] in (["CREATE"], ["DROP"], ["REINDEX"]) and "CONCURRENTLY" in words
    place = words[:1] in (["CREATE"], ["DROP"]) and words[1:2] in (["DATABASE"], ["TABLESPACE"])
    apart = words[:2] == ["ALTER", "TABLE"] and "DETACH" in words and "CONCURRENTLY" in words
    return index or place or apart or words[:1] == ["VACUUM"] or words[:2] == ["ALTER", "SYSTEM"]


def _changes(statement: Statement, path: str) -> Iterator[Change]:
    here = _Reading(statement)
    if here.took("WITH"):
        yield from (change for part in here.queries() for change in _changes(part, path))
    elif here.took("DO"):
        yield from _block(statement, path)
    elif here.took("EXECUTE"):
        yield from _dynamic(statement, path)
    elif here.took(UNKNOWN.upper()):
        yield UNREAD
    elif here.took("ALTER", "TABLE"):
        yield from _alter_table(here)
    elif here.took("DROP", "TABLE"):
        yield from (dropped(table) for table in here.names())
    elif here.took("DROP", "MATERIALIZED", "VIEW") or here.took("DROP", "VIEW"):
        yield from (Change(view, breaking=f"drops {view}, {used(surely=False)}") for view in here.names())
    elif here.took("DROP", "SCHEMA"):
        yield from (Change(name, breaking=f"drops {name}, {used(surely=False)}", destructive=f"drops {name}") for name in here.names())
    elif here.took("DROP", "TYPE") or here.took("DROP", "DOMAIN") or here.took("DROP", "EXTENSION"):
        if here.has("CASCADE"):
            words = [f"drops {name} and every column of it" for name in here.names()]
            yield from (Change(UNNAMED, breaking=f"{one}, {used(surely=False)}", destructive=one) for one in words)
    elif here.took("TRUNCATE"):
        here.took("TABLE")
        yield from (Change(table, destructive=f"empties {table}", lock=MOMENT) for table in here.names())
    elif here.took("DELETE", "FROM"):
        table = here.name()
        yield Change(table, destructive=f"deletes {'rows' if here.outside('WHERE') else 'every row'} of {table}")
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
    if here.outside("WHERE") or not here.past("SET"):
        yield Change(table)
        return
    yield from (Change(table, column, destructive=f"overwrites every row of {table}") for column in here.assigned() or [""])


def _block(statement: Statement, path: str) -> Iterator[Change]:
    """What a DO block may do, whatever its conditions say; so what it may make may be there as well."""
    body = body_of(statement)
    try:
        parts = statements(body, path) if body is not None else None
    except WrongInput:
        parts = None  # what the database takes is not refused for what is in a string of it
    if parts is None:
        yield UNREAD
        return
    for part in parts:
        yield from (replace(change, makes=False) for change in _changes(inner(part), path))


def _dynamic(statement: Statement, path: str) -> Iterator[Change]:
    """EXECUTE of a text that stands there, also as a format."""
    rest = statement[1:]
    formats = rest[0].word == "FORMAT" if rest else False
    said = rest[2:3] if formats else rest[:1]
    behind = rest[3:4] if formats else rest[1:2]
    whole = not behind or behind[0].text in (",", ")") or behind[0].word in ("USING", "INTO")
    if not said or said[0].kind != "text" or not whole:
        yield UNREAD
        return
    text = plain(said[0])
    try:
        yield from changes_of(_FORMAT.sub(UNKNOWN, text) if formats else text, path)
    except WrongInput:
        yield UNREAD


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
    if here.took("DETACH", "PARTITION"):
        part = here.name()
        breaking = f"takes {part} out of {table}, {used(surely=False)}"
        return Change(table, breaking=breaking, lock="" if here.has("CONCURRENTLY") else MOMENT)
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
        words = f"changes the type of {what}"
        lost = "" if _is_wide(here) else words
        return Change(table, column, breaking=f"{words}, {used(surely=False)}", destructive=lost, lock=REWRITTEN)
    return Change(table, column, lock=MOMENT)


def _is_wide(here: _Reading) -> bool:
    """Whether the type that comes next takes whatever was there: one without a bound to its length or its digits."""
    wide = here.took("CHARACTER", "VARYING") or any(here.took(word) for word in WIDE)
    return wide and not here.comes("(")


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

    def comes(self, mark: str) -> bool:
        """Whether this comes next, which is no word."""
        return self._at < len(self._tokens) and self._tokens[self._at].text == mark

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

    def outside(self, word: str) -> bool:
        """Whether it stands in the rest, and in no parentheses."""
        return any(depth == 0 and token.word == word for depth, token in self._deep())

    def queries(self) -> Iterator[Statement]:
        """Behind WITH: what stands in parentheses, and what these are for."""
        begin = self._at
        for number, (depth, token) in enumerate(self._deep(), self._at):
            if depth == 0 and token.word in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES"):
                yield tuple(self._tokens[number:])
                return
            if depth == 1 and token.text == "(" and token.kind == "other":
                begin = number + 1
            elif depth == 0 and token.text == ")" and number > begin:
                yield tuple(self._tokens[begin:number])

    def assigned(self) -> list[str]:
        """Behind SET of an UPDATE: the columns that are given something."""
        found: list[str] = []
        for part in self.parts():
            row = part.comes("(")
            part._at += row
            names = part.names() if row else [part.name()]
            found += names if row or part.comes("=") else []
        return found

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
        part: list[Token] = []
        for depth, token in self._deep():
            if token.text == "," and depth == 0:
                yield _Reading(part)
                part = []
            else:
                part.append(token)
        if part:
            yield _Reading(part)

    def _deep(self) -> Iterator[tuple[int, Token]]:
        """Each token of the rest, and how many parentheses are open behind it."""
        depth = 0
        for token in self._tokens[self._at :]:
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "other" else 0
            yield depth, token

    def _plain(self) -> str:
        """One part of a name as the database has it: small letters, unless it is quoted."""
        if self._at >= len(self._tokens):
            return ""
        token = self._tokens[self._at]
        self._at += 1
        if token.kind == "name":
            return token.text[1:-1].replace('""', '"')
        return token.text.lower() if token.kind == "word" else token.text

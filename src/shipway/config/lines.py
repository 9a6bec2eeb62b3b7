"""The text of a TOML file in, the line of each of its keys and items out, and where lists and what is in them begin and end.

It never fails on what is not TOML, it only knows less.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import NamedTuple, TypeAlias

from shipway_agent.record import dataclass, field

Path: TypeAlias = tuple[str | int, ...]

DEPTH = 32
"""How deep tables and lists may nest; a configuration needs five."""


class TooDeep(Exception):
    """Something nests deeper than DEPTH; `line` says where."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


class Twice(NamedTuple):
    """A key or table that is written again."""

    path: Path
    first: int
    again: int


@dataclass
class Lines:
    """Where everything is written. Lines count from 1. `spans` has the first character and the one behind, of lists and of their items."""

    at: dict[Path, int] = field(default_factory=dict)
    spans: dict[Path, tuple[int, int]] = field(default_factory=dict)
    twice: list[Twice] = field(default_factory=list)

    def of(self, path: Path) -> int:
        """The line of this path, or of the nearest thing around it that is written."""
        while path and path not in self.at:
            path = path[:-1]
        return self.at.get(path, 1)


def scan(text: str) -> Lines:
    """Find the lines. Raises TooDeep."""
    return _Scan(text).run()


class _NotToml(Exception):
    pass


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_TEXT = re.compile(
    r'''"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}|\'\'\'(?:[^']|'{1,2}(?!'))*'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''',
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\[\]{}\n#\"']+")


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.lines = Lines()
        self.breaks = [match.start() for match in re.finditer("\n", text)]
        self.tables: Path = ()
        self.lists: dict[Path, int] = {}
        self.written: dict[Path, int] = {}

    def run(self) -> Lines:
        base: Path = ()
        while self._skip(_BLANK) < len(self.text):
            try:
                if self._peek("["):
                    base = self._header()
                else:
                    self._pair(base, 1)
            except _NotToml:
                end = self.text.find("\n", self.place)
                self.place = len(self.text) if end < 0 else end + 1
        return self.lines

    def _header(self) -> Path:
        line, many = self._line(), self.text.startswith("[[", self.place)
        self.place += 2 if many else 1
        keys = self._keys()
        self._take("]]" if many else "]")
        base: Path = ()
        for key in keys[:-1]:
            base = self._current((*base, key), line)
        path = (*base, keys[-1])
        if many:
            self.lines.at.setdefault(path, line)
            self.lists[path] = self.lists.get(path, 0) + 1
            return self._current(path, line)
        self._write(path, line)
        return path

    def _current(self, path: Path, line: int) -> Path:
        """The path itself, or the last item of the list of tables that it names."""
        if path in self.lists:
            path = (*path, self.lists[path] - 1)
        self.lines.at.setdefault(path, line)
        return path

    def _pair(self, base: Path, depth: int) -> None:
        line = self._line()
        keys = self._keys()
        self._take("=")
        for count in range(1, len(keys)):
            self.lines.at.setdefault((*base, *keys[:count]), line)
        path = (*base, *keys)
        self._write(path, line)
        self._value(path, depth + len(keys))

    def _keys(self) -> tuple[str, ...]:
        keys = []
        while True:
            self._skip(_SPACE)
            keys.append(_plain(self._match(_KEY)))
            if len(keys) > DEPTH:
                raise TooDeep(self._line())
            self._skip(_SPACE)
            if not self._peek("."):
                return tuple(keys)
            self.place += 1

    def _value(self, path: Path, depth: int) -> None:
        if depth > DEPTH:
            raise TooDeep(self._line())
        self._skip(_SPACE)
        if self._peek("["):
            self._list(path, depth)
        elif self._peek("{"):
            self._table(path, depth)
        elif self._peek('"') or self._peek("'"):
            self._match(_TEXT)
        else:
            self._match(_PLAIN)

    def _list(self, path: Path, depth: int) -> None:
        begin = self.place
        self.place += 1
        index = 0
        while self._skip(_BLANK) < len(self.text) and not self._peek("]"):
            item = (*path, index)
            self.lines.at.setdefault(item, self._line())
            first = self.place
            self._value(item, depth + 1)
            self.lines.spans[item] = first, self.place
            self._skip(_BLANK)
            if not self._peek("]"):
                self._take(",")
            index += 1
        self._take("]")
        self.lines.spans[path] = begin, self.place

    def _table(self, path: Path, depth: int) -> None:
        self.place += 1
        while self._skip(_BLANK) < len(self.text) and not self._peek("}"):
            self._pair(path, depth)
            self._skip(_BLANK)
            if not self._peek("}"):
                self._take(",")
        self._take("}")

    def _write(self, path: Path, line: int) -> None:
        if path in self.written:
            self.lines.twice.append(Twice(path, self.written[path], line))
        self.written.setdefault(path, line)
        self.lines.at[path] = self.written[path]

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.place)
        self.place = match.end() if match else self.place
        return self.place

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.place)
        if not match:
            raise _NotToml
        self.place = match.end()
        return match.group()

    def _peek(self, mark: str) -> bool:
        return self.text.startswith(mark, self.place)

    def _take(self, mark: str) -> None:
        self._skip(_SPACE)
        if not self._peek(mark):
            raise _NotToml
        self.place += len(mark)

    def _line(self) -> int:
        return bisect_right(self.breaks, self.place - 1) + 1


def _plain(key: str) -> str:
    """The key without its quotes."""
    if key.startswith('"') and "\\" in key:
        try:
            return next(iter(tomllib.loads(f"{key} = 0")))
        except ValueError:
            return key
    return key[1:-1] if key[0] in "\"'" else key

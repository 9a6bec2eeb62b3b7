"""The text of SQL in, its statements out, each a list of words: strings, quoted names and comments are what they are and nothing else.

PostgreSQL's and SQLite's own spelling, and no grammar: a parser that knows all of one of them refuses what the other takes, and what the
next version brings. What a function or a DO block holds is one string here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shipway.release.migrations.written import unreadable
from shipway_agent.record import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>\s+ | --[^\n]*)
  | (?P<comment>/\*)
  | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
  | (?P<text>'(?:[^']|'')*')
  | (?P<name>"(?:[^"]|"")*" | `[^`]*` | \[[^\]\n]*\](?=\s*[,;)]|\s+\w))
  | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$)
  | (?P<word>[^\W\d][\w$]*)
  | (?P<number>\d[\w.]*)
  | (?P<open>['"`])
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is word, name (quoted), text, number or other; `word` is a word in capitals, "" for all else; `line` counts from 1."""

    kind: str
    text: str
    line: int

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind == "word" else ""


Statement = tuple[Token, ...]


def statements(text: str, path: str) -> tuple[Statement, ...]:
    """Every statement without its semicolon. Raises WrongInput for a string or a comment without an end."""
    found: list[Statement] = []
    now: list[Token] = []
    depth = 0
    for token in _tokens(text, path):
        depth = _inside(now, token, depth)
        if token.text == ";" and token.kind == "other" and depth == 0:
            if now:
                found.append(tuple(now))
            now = []
        else:
            now.append(token)
    return (*found, tuple(now)) if now else tuple(found)


def _tokens(text: str, path: str) -> Iterator[Token]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None, "the last alternative takes any character"
        kind, whole = str(match.lastgroup), match.group()
        if kind == "open":
            raise unreadable(path, line, f"the {whole} that begins here has no end")
        if kind == "comment":
            whole = text[at : _end_of_comment(text, at, path, line)]
        if kind == "dollar":
            end = text.find(whole, match.end())
            if end < 0:
                raise unreadable(path, line, f"the {whole} that begins here has no end")
            whole = text[at : end + len(whole)]
        if kind not in ("space", "comment"):
            yield Token("text" if kind in ("escaped", "dollar") else kind, whole, line)
        at, line = at + len(whole), line + whole.count("\n")


def _end_of_comment(text: str, at: int, path: str, line: int) -> int:
    """Comments of PostgreSQL have comments in them."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    raise unreadable(path, line, "the comment that begins here has no end")


def _inside(now: list[Token], token: Token, depth: int) -> int:
    """How deep inside BEGIN … END of a trigger or a function we are: their semicolons end nothing."""
    if not now or now[0].word != "CREATE" or not any(one.word in ("TRIGGER", "FUNCTION", "PROCEDURE") for one in now[:8]):
        return 0
    if token.word in ("BEGIN", "CASE"):
        return depth + 1 if token.word == "BEGIN" or depth else depth
    return depth - 1 if token.word == "END" and depth else depth

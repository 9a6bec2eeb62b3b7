"""The text of a migration's file in; out, what its comments ask of us: the words behind each `shipway:`. Driver and host read it with this.

`contract`, `held`, `no transaction`, or several with commas between; a remark may follow in parentheses. Nothing else is taken for silence.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, Tuple

NO_TRANSACTION = "no transaction"

PHASES = frozenset({"contract", "held"})

_PYTHON = re.compile(
    r"(?P<comment>\#[^\n]*)"
    r"|(?P<text>\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')",
    re.DOTALL,
)
_SQL = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)"
    r"|(?P<text>\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$)"
    r"|(?<!\w)[eE]'(?:\\.|[^'\\])*'|'[^']*'|\"[^\"]*\"",
    re.DOTALL,
)
_MARK = re.compile(r"(?<![\w./])(?<!\w-)shipway\s*:(?!//)([^\n]*)", re.IGNORECASE)
_REMARK = re.compile(r"\(|#|--|\*/|\\n")


class Strange(ValueError):
    """What a comment asks for is not known. `line` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


def marks(text: str, *, sql: bool) -> List[str]:
    """What the comments of a file ask for, in their order; `sql` for SQL, else for Python and the SQL in it. Raises Strange."""
    found: Dict[str, int] = {}
    for at, words in sorted(_said(text, _SQL if sql else _PYTHON, 0, len(text))):
        line = text.count("\n", 0, at) + 1
        asked = [" ".join(one.split()) for one in _REMARK.split(words, 1)[0].strip().rstrip(".;").lower().split(",")]
        if not set(asked) <= PHASES | {NO_TRANSACTION}:
            known = "contract, held or no transaction, several with commas between, and a remark in parentheses"
            raise Strange(line, f"`shipway:{words.rstrip()}` says nothing to Shipway; behind `shipway:` may stand {known}")
        found.update(dict.fromkeys(asked, line))
        if set(found) >= PHASES:
            raise Strange(line, "it is marked `shipway: contract` and `shipway: held`, and can be one of them")
    return list(found)


def _said(text: str, language: re.Pattern[str], begin: int, end: int) -> Iterator[Tuple[int, str]]:
    """What stands behind `shipway:` in comments, and where; also in those of SQL in a text of Python, or in the body of a function."""
    for match in language.finditer(text, begin, end):
        if match.group("comment"):
            yield from ((match.start() + mark.start(), mark.group(1)) for mark in _MARK.finditer(match.group()))
        elif match.group("text"):
            yield from _said(text, _SQL, match.start() + 1, match.end() - 1)

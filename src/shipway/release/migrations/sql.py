"""Numbered files of SQL in, migrations out: NUMBER_name.sql, and beside it NUMBER_name.down.sql where it can be taken back."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from shipway.release.migrations.statements import changes_of, first_alone, first_ending
from shipway.release.migrations.written import Written, phase_said, said, unreadable
from shipway_agent.data.migrations.marks import NO_TRANSACTION

DOWN = ".down.sql"

_NUMBERED = re.compile(r"(\d+)[_-].*\.sql", re.DOTALL)


def is_sql(path: str, folder: str) -> bool:
    """Whether a file of the tree is one of them, or takes one of them back."""
    where = posixpath.normpath(folder)
    return posixpath.dirname(path) == ("" if where == "." else where) and bool(_NUMBERED.fullmatch(posixpath.basename(path)))


def read_sql(files: Mapping[str, str]) -> tuple[Written, ...]:
    """In the order of their numbers. None depends on another: what does not say so may run before one that waits for its phase.

    Raises WrongInput for a text without an end, and for a statement that refuses to be in the transaction that it would be in.
    """
    found: list[Written] = []
    for path in sorted((path for path in files if not path.endswith(DOWN)), key=_place):
        text, name = files[path], posixpath.basename(path).removesuffix(".sql")
        back = f"{path.removesuffix('.sql')}{DOWN}"
        atomic = _is_atomic(text, path)
        if back in files:
            _is_atomic(files[back], back)
        found.append(
            Written(
                name=name,
                path=path,
                phase=phase_said(text, path),
                changes=changes_of(text, path),
                irreversible=() if back in files else (f"there is no {posixpath.basename(back)}",),
                atomic=atomic,
            )
        )
    return tuple(found)


def _is_atomic(text: str, path: str) -> bool:
    """Whether a file is run in one transaction. Raises WrongInput for a statement that cannot be in it, or that ends it."""
    if NO_TRANSACTION in said(text, path):
        return False
    alone, ending = first_alone(text, path), first_ending(text, path)
    without = "a comment `-- shipway: no transaction` runs this file without one"
    if alone is not None:
        raise unreadable(path, alone.line, f"{alone.text.upper()} refuses to be in a transaction; {without}")
    if ending is not None:
        raise unreadable(
            path, ending.line, f"it is run in one transaction, and has {ending.text.upper()} of its own; take that out, or {without}"
        )
    return True


def _place(path: str) -> tuple[int, str]:
    name = posixpath.basename(path)
    match = _NUMBERED.fullmatch(name)
    assert match is not None, "only numbered files are read"
    return int(match.group(1)), name

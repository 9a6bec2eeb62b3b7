"""The text of a module in, the same program on the same lines out: what it says to people, in docstrings and comments, stays here."""

from __future__ import annotations

import re

QUOTES = '"""'

NOTHING = '""'
"""Stands where a docstring was: a class that is nothing but its docstring would be none without it."""

_GOES_ON = tuple("([{,=")
"""What a line ends with when the next belongs to it."""

_COMMENT = re.compile("^ *#.*|  # .*", re.MULTILINE)


def code_only(text: str) -> str:
    """A line stays on its line, so that tracebacks name those of the source.

    It reads the style of our own modules and not all of Python; tests/transports/test_code_only.py compares what each of them means.
    """
    code: list[str] = []
    pieces = text.split(QUOTES)
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            code.append(_COMMENT.sub("", piece) if "#" in piece else piece)
        elif _is_alone(pieces[place - 1], pieces[place + 1]):
            code.append(NOTHING + "\n" * piece.count("\n"))
        else:
            code += [QUOTES, piece, QUOTES]
    return "".join(code)


def _is_alone(before: str, behind: str) -> bool:
    """Whether a text is a statement of its own: a docstring, or what a constant is for."""
    above, _, beside = before.rpartition("\n")
    return not beside.strip() and behind[:1] == "\n" and above.rstrip()[-1:] not in _GOES_ON

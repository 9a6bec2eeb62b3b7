"""Text that a host sent in, text that is safe to print out: no escape sequences, no control characters, no tricks with direction."""

from __future__ import annotations

import re

_SEQUENCES = re.compile(
    r"\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # operating system commands: titles, links, clipboard
    r"|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\|\x9c)?"  # device control and other strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, cursor movement
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]")


def clean(text: object, *, most: int = 2000) -> str:
    """One line. Line ends and tabs become a space; what is longer than `most` characters ends in …"""
    said = str(text)
    if len(said) <= most and said.isprintable():
        return said  # as nearly all is: no sequence and no control is printable
    line = re.sub(r"[\n\t]", " ", _harmless(said[: most * 4]))
    return line if len(line) <= most else line[: most - 1] + "…"


def clean_lines(text: object, *, most: int = 2000) -> list[str]:
    """Line by line, each as `clean` makes it."""
    return [clean(line, most=most) for line in re.split(r"\r?\n|\r", str(text))]


def _harmless(text: str) -> str:
    return _CONTROLS.sub("", _SEQUENCES.sub("", text))

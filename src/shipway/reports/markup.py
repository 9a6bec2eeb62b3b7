"""Names, texts and attributes in, HTML and SVG out. Every text is cleaned and escaped here, so that no page can forget to."""

from __future__ import annotations

import re
from functools import cache
from html import escape

from shipway.reports.clean import clean

VOID = frozenset({"meta", "br", "rect", "line", "path"})
"""Elements of ours that have no content: in HTML without an end, in SVG closed at once."""

_SPECIAL = re.compile("[&<>\"']")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, /, *content: str, **attributes: str | float | bool | None) -> Markup:
    """One element. Content that is no Markup is text; an attribute of None or False is left out.

    `class_` is the attribute class, and `aria_hidden` is aria-hidden.
    """
    start = name + "".join(_attribute(key, value) for key, value in attributes.items())
    inner = join(*content)
    if name in VOID and not inner:
        return Markup(f"<{start}>" if name in ("meta", "br") else f"<{start}/>")
    return Markup(f"<{start}>{inner}</{name}>")


def join(*content: str) -> Markup:
    """Parts beside each other."""
    return Markup("".join(part if isinstance(part, Markup) else safe(part) for part in content))


def safe(text: object) -> Markup:
    """A text as it may stand between tags and in an attribute: one line, no control characters, nothing of HTML in it."""
    said = clean(text)
    return Markup(escape(said, quote=True) if _SPECIAL.search(said) else said)


def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return f" {_named(key)}"
    return f' {_named(key)}="{f"{value:.6g}" if isinstance(value, float) else safe(value)}"'


@cache
def _named(key: str) -> str:
    return key.rstrip("_").replace("_", "-")

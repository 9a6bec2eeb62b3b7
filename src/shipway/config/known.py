"""A place in the file in, the keys that are known there out; and for a key that is not, the nearest name and where it belongs."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from shipway.config.forms import Form
from shipway.config.lines import Path
from shipway.config.schema import Document


def keys_at(path: Path) -> Mapping[str, FieldInfo]:
    """The fields of the table at this path; none when it is not a table of known keys."""
    kind: Any = Document
    for part in path:
        kind = _inside(kind, part)
    return kind.model_fields if _is_table(kind) else {}


def expectation(path: Path) -> str:
    """What belongs at this path, to complete "should be …"."""
    field = keys_at(path[:-1]).get(str(path[-1])) if path else None
    return form_of(field) if field is not None else "a table"


def form_of(field: FieldInfo) -> str:
    """What a field's value should be, in words."""
    return _words(Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation)


def _words(kind: Any) -> str:
    own = next((form for form in getattr(kind, "__metadata__", ()) if isinstance(form, Form)), None)
    if own is not None:
        return own.says
    if type(None) in get_args(kind):
        return _words(next(member for member in get_args(kind) if member is not type(None)))
    metadata = getattr(kind, "__metadata__", ())
    if any(isinstance(part, BeforeValidator) for part in metadata):
        return "a string or a table"
    if metadata:
        return _words(get_args(kind)[0])
    if get_origin(kind) is list:
        return f"a list; each: {_words(get_args(kind)[0])}"
    return "a table"


def unknown(path: Path) -> str:
    """The sentence for a key that is not known here: the nearest known name, or the table where this key belongs."""
    key = str(path[-1])
    here = keys_at(path[:-1])
    near = get_close_matches(key.lower(), here, n=1)
    if near:
        return f"is not a known key; the nearest is {near[0]}"
    for place, keys in _PLACES.items():
        if key in keys:
            return f"is not a known key here; it belongs in {place}"
    for place, keys in _PLACES.items():
        if far := get_close_matches(key.lower(), keys, n=1, cutoff=0.8):
            return f"is not a known key; the nearest is {far[0]} in {place}"
    return f"is not a known key; known here: {', '.join(sorted(here))}"


def _inside(kind: Any, part: str | int) -> Any:
    if _is_table(kind):
        field = kind.model_fields.get(str(part))
        return _bare(field.annotation) if field is not None else None
    arguments = get_args(kind)
    return _bare(arguments[-1]) if arguments and get_origin(kind) in (list, dict) else None


def _bare(kind: Any) -> Any:
    """The type without Annotated and without `| None`."""
    while hasattr(kind, "__metadata__"):
        kind = get_args(kind)[0]
    members = [member for member in get_args(kind) if member is not type(None)]
    return _bare(members[0]) if type(None) in get_args(kind) and members else kind


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


_PLACES: Mapping[str, Mapping[str, FieldInfo]] = {
    "the top of the file": keys_at(()),
    "environment.NAME": keys_at(("environment", "NAME")),
    "process.NAME": keys_at(("process", "NAME")),
    "task": keys_at(("task", 0)),
    "build": keys_at(("build",)),
    "environment.NAME.requires": keys_at(("environment", "NAME", "requires")),
    "environment.NAME.hosts": keys_at(("environment", "NAME", "hosts", 0)),
    "process.NAME.health": keys_at(("process", "NAME", "health")),
}

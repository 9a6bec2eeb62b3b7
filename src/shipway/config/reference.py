"""The schema in, two files out: docs/reference/configuration.md for people, docs/reference/shipway.schema.json for editors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shipway.config import known, schema

_TABLES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("The top of the file", "", schema.Document),
    ("Build", "[build]", schema.Build),
    ("Toolchain", "[toolchain]", schema.Toolchain),
    ("Tools", "toolchain.NAME", schema.Tool),
    ("Processes", "[process.NAME]", schema.Process),
    ("Health", "process.NAME.health", schema.Health),
    ("Tasks", "[[task]]", schema.Task),
    ("Data", "[data.NAME]", schema.Data),
    ("Copies elsewhere", "data.NAME.copies", schema.Copies),
    ("Migrations", "[migrations]", schema.Migrations),
    ("Environments", "[environment.NAME]", schema.Environment),
    ("Hosts", "environment.NAME.hosts", schema.Host),
    ("Certificates", "environment.NAME.tls", schema.Tls),
    ("Requirements", "environment.NAME.requires", schema.Requires),
    ("Notifications", "[[environment.NAME.notify]]", schema.Notify),
    ("Mail", "environment.NAME.notify.email", schema.Email),
    ("Pages", "environment.NAME.key_pages", schema.Page),
)


def json_schema() -> str:
    """JSON Schema of shipway.toml, for editors."""
    made = schema.Document.model_json_schema(mode="validation")
    _close(made)
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "shipway.toml"}
    return json.dumps(made, indent=2, sort_keys=True) + "\n"


def page() -> str:
    """The reference page, in Markdown."""
    return "\n".join(_page())


def write(docs: Path) -> list[Path]:
    """Write both files below `docs`, a directory; returns their paths."""
    docs.mkdir(parents=True, exist_ok=True)
    made = {docs / "configuration.md": page(), docs / "shipway.schema.json": json_schema()}
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return list(made)


def _close(part: Any) -> None:
    """A table whose keys are names takes no other keys; pydantic leaves such tables open."""
    if isinstance(part, dict):
        if "patternProperties" in part:
            part["additionalProperties"] = False
        for inner in part.values():
            _close(inner)


def _page() -> Iterator[str]:
    yield "# shipway.toml"
    yield ""
    yield "<!-- Made from src/shipway/config/schema.py by `python -m shipway.config.reference`; change it there. -->"
    yield ""
    yield "One file, committed with the app. Unknown keys are errors. Processes, tasks and build are read from the commit that is"
    yield "shipped; `[data.*]` and `[environment.*]` are read from HEAD, so that shipping an old commit revives neither dead hosts nor"
    yield "dropped gates, and forgets no data."
    yield "Editors that read JSON Schema can check it against [shipway.schema.json](shipway.schema.json)."
    for title, place, table in _TABLES:
        yield ""
        yield f"## {title}"
        yield ""
        if place:
            yield f"`{place}`: " + _lower(_words(table.__doc__ or ""))
        else:
            yield _words(table.__doc__ or "")
        yield ""
        yield "| key | what it is | should be | default | example |"
        yield "|---|---|---|---|---|"
        for key, field in table.model_fields.items():
            cells = (f"`{key}`", _cell(field.description or ""), _cell(known.form_of(field)), _default(field), _example(key, field))
            yield f"| {' | '.join(cells)} |"
    yield ""


def _words(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    default: Any = field.default
    if isinstance(default, BaseModel) or default is None or default == {}:
        return "none"
    if isinstance(default, tuple) and len(default) == 1:
        default = default[0]
    return f"`{_toml(default)}`"


def _example(key: str, field: FieldInfo) -> str:
    if not field.examples:
        return f"see below, `{'[[task]]' if key == 'task' else f'[{key}.NAME]'}`"
    return _cell(f"`{key} = {_toml(field.examples[0])}`")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value) if isinstance(value, str) else f"{value:g}"


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else json.dumps(name)


if __name__ == "__main__":
    for path in write(Path("docs/reference")):
        print(path)

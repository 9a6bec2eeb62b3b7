"""What is made from the schema is fresh, complete and true."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from pydantic import BaseModel

from shipway.config import reference, schema
from shipway.config.load import load
from tests.config.strategies import documents, few

DOCS = Path(__file__).parents[2] / "docs" / "reference"
TABLES = [
    table for table in vars(schema).values() if isinstance(table, type) and issubclass(table, schema.Table) and table is not schema.Table
]


@pytest.mark.parametrize(("name", "made"), [("configuration.md", reference.page()), ("shipway.schema.json", reference.json_schema())])
def test_the_committed_file_is_fresh(name: str, made: str) -> None:
    assert (DOCS / name).read_text() == made, "type: python -m shipway.config.reference"


def test_it_can_be_written(tmp_path: Path) -> None:
    assert [path.name for path in reference.write(tmp_path / "new")] == ["configuration.md", "shipway.schema.json"]


@pytest.mark.parametrize("table", TABLES)
def test_every_key_says_what_it_is_and_shows_an_example(table: type[BaseModel]) -> None:
    page = reference.page()
    for key, field in table.model_fields.items():
        assert field.description and field.description.endswith(".")
        assert field.examples is not None
        assert f"| `{key}` |" in page


def test_every_example_of_the_page_is_valid() -> None:
    """Each is put where the page says that it belongs."""
    place = ""
    tried = 0
    for line in reference.page().splitlines():
        if line.startswith("`"):
            place = line[1:].partition("`")[0]
        found = re.fullmatch(r"\|.*\| `(?P<example>[a-z_]+ = .*)` \|", line)
        if found:
            tried += 1
            load(_around(place, found["example"].replace("\\|", "|")))
    assert tried > 50


def _around(place: str, example: str) -> str:
    """A whole file with the example at its place, which may be the very key that the file needs."""
    key = example.partition(" ")[0]
    needed = {
        "": {"app": '"a"', "static": '"public"'},
        "[build]": {"run": '["x"]', "outputs": '["y"]'},
        "[toolchain]": {},
        "toolchain.NAME": {"version": '"22"'},
        "[process.NAME]": {"run": '"x"'},
        "process.NAME.health": {"path": '"/"'},
        "[[task]]": {"name": '"t"', "run": '"x"', **({"schedule": '"@daily"'} if key in ("timezone", "catch_up") else {})},
        "[environment.NAME]": {"hosts": '["h", "i", "j"]', "strategy": '"rolling"'},
        "environment.NAME.hosts": {"address": '"h"'},
        "environment.NAME.requires": {},
        "[[environment.NAME.notify]]": {"command": '"x"'} if key == "on" else {},
        "environment.NAME.notify.email": {
            "to": '["a@h"]',
            "sender": '"a@h"',
            "server": '"smtp://u@h"',
            "password": '{ env = "P" }',
        },
        "environment.NAME.tls": {"acme": '"https://h/d"'} if key == "ca" else {},
        "environment.NAME.key_pages": {"path": '"/"'},
        "data.NAME.copies": {"to": '"/mnt"'},
        "[migrations]": {
            "adapter": {"run": '"django"', "path": '"sql"', "held": '"sql"'}.get(key, '"commands"'),
            **({} if key in ("adapter", "run", "path", "held") else {"run": '"x"', "show": '"y"'}),
        },
        "[data.NAME]": {"driver": '"sqlite"'}
        if key == "path"
        else {"driver": '"postgres"', **({"schedule": '"@daily"'} if key == "timezone" else {})},
    }[place]
    inside = [f"{name} = {value}" for name, value in needed.items() if name != key] + [example]
    top = 'app = "a"\n[process.job]\nrun = "x"\n'
    web = top.replace("job", "web")
    lines = "\n".join(inside)
    inline = ", ".join(inside)
    return {
        "": lines,
        "[build]": f"{top}[build]\n{lines}",
        "[toolchain]": f"{top}[toolchain]\n{lines}",
        "toolchain.NAME": f"{top}[toolchain]\nnode = {{ {inline} }}",
        "[process.NAME]": f"app = 'a'\n[process.x]\n{lines}",
        "process.NAME.health": f"{top}health = {{ {inline} }}",
        "[[task]]": f"{top}[[task]]\n{lines}",
        "[environment.NAME]": f"{top}[environment.p]\n{lines}",
        "environment.NAME.hosts": f"{top}[environment.p]\nhosts = [{{ {inline} }}]",
        "[[environment.NAME.notify]]": f"{top}[environment.p]\nhosts = ['h']\n[[environment.p.notify]]\n{lines}",
        "environment.NAME.notify.email": f"{top}[environment.p]\nhosts = ['h']\n[[environment.p.notify]]\nemail = {{ {inline} }}",
        "environment.NAME.requires": f"{top}[environment.p]\nhosts = ['h']\nrequires = {{ {inline} }}",
        "environment.NAME.tls": f"{web}[environment.p]\nhosts = ['h']\ndomains = ['h.example']\ntls = {{ {inline} }}",
        "[data.NAME]": f"shared = ['var']\n{top}[data.main]\n{lines}",
        "data.NAME.copies": f"{top}[environment.production]\nhosts = ['h']\n[data.main]\ndriver = 'postgres'\ncopies = [{{ {inline} }}]",
        "[migrations]": f"{top}[migrations]\n{lines}\n[data.main]\ndriver = 'postgres'",
        "environment.NAME.key_pages": f"{top}[environment.p]\nhosts = ['h']\nkey_pages = [{{ {inline} }}]",
    }[place]


VALIDATOR = jsonschema.Draft202012Validator(json.loads(reference.json_schema()))


@few
@given(documents())
def test_editors_accept_what_shipway_accepts(document: dict[str, Any]) -> None:
    VALIDATOR.validate(document)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"app": "Shop"},
        {"app": "a", "proces": {}},
        {"app": "a", "process": {"web": {}}},
        {"app": "a", "process": {"Web": {"run": "x"}}},
        {"app": "a", "process": {"web": {"run": "x", "instances": "2"}}},
        {"app": "a", "environment": {"p": {"hosts": []}}},
        {"app": "a", "environment": {"p": {"hosts": ["-x"]}}},
        {"app": "a", "environment": {"p": {"hosts": ["a"], "strategy": "roling"}}},
        {"app": "a", "env": {"PORT": "1"}},
    ],
)
def test_editors_refuse_what_shipway_refuses(document: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(document)

"""What init writes, load reads back: whatever the names, commands and values, and whatever an assumption says."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.config.resolve import resolve
from shipway.config.template import block, comment, key, template, value
from shipway.model.found import Assumption
from shipway.model.intent import Environment, Intent
from tests.config.strategies import documents, few, toml

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
lines = st.lists(st.sampled_from(["a 'b' \"c\"", "\\d \\u0041", "'''", '"""', "é\U0001f600", "\x7f", "\t", "\r", ""]), max_size=4).map(
    "\n".join
)
about = st.sampled_from(["", "build", "process.web", "task.install", "environment"])
assumptions = st.lists(st.builds(Assumption, text, text, about, text, st.integers(0, 9), st.booleans()), max_size=3)


def plain(read: Intent) -> tuple[Any, Any]:
    """What the template writes of an intent: all of the shipment; of the environment its name, hosts, domains and env."""
    kept = Environment(read.environment.name, read.environment.hosts, read.environment.domains, env=read.environment.env)
    return read.shipment, kept


@few
@given(documents(), assumptions)
def test_what_is_written_reads_back_the_same(document: dict[str, Any], assumed: list[Assumption]) -> None:
    document["environment"] = document["environment"] or {"local": {"hosts": ["deploy@a.example.org"]}}
    name = next(iter(document["environment"]))
    shipment, environment = plain(resolve(toml(document), toml(document), name))
    written = template(shipment, environment, "a kind", assumed)
    again = resolve(written, written, name)
    assert plain(again) == (shipment, environment)


@settings(max_examples=200, deadline=None)
@given(st.one_of(text, lines))
def test_any_text_is_a_value_and_a_key(written: str) -> None:
    assert tomllib.loads(f"{key(written)} = {value(written)}") == {written: written}
    assert tomllib.loads(f"a = {block(written)}") == {"a": written}


@given(text)
def test_a_comment_cannot_be_left(written: str) -> None:
    assert tomllib.loads("\n".join(comment(written))) == {}


def test_a_long_command_stands_on_lines_of_its_own() -> None:
    assert block("set -e\necho 'a'\n") == "'''\nset -e\necho 'a'\n'''"
    assert value('say "a"') == "'say \"a\"'"
    assert value("plain") == '"plain"'


def test_numbers_and_tables() -> None:
    assert value({"a": 5.0, "b": [0.5, True], "c d": {}}) == '{ a = 5, b = [0.5, true], "c d" = {} }'


def test_an_environment_on_servers_offers_no_second_one() -> None:
    text = 'app = "x"\n[process.web]\nrun = "./x"\n[environment.production]\nhosts = ["deploy@a"]\ndomains = ["x.example.org"]\n'
    read = resolve(text, text, "production")
    written = template(read.shipment, read.environment)
    assert written.count("environment.") == 1
    assert "# domains" not in written
    local = replace(read.environment, hosts=(replace(read.environment.hosts[0], address="local", root="~/x", listen=":1"),))
    assert "# [environment.servers]" in template(read.shipment, local), "production is the one that is there"

"""Bytes in, a valid document or a list of faults out, and nothing else, ever."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.config.load import Loaded, load
from shipway.model.errors import WrongInput
from tests.config.strategies import documents, few, hostile, many, toml

GOOD = 'app = "shop"\n[process.web]\nrun = "serve"\n'


def faults(data: bytes | str) -> tuple[str, ...]:
    with pytest.raises(WrongInput) as raised:
        load(data)
    return raised.value.details


@few
@given(documents())
def test_valid_documents_are_read(document: dict[str, Any]) -> None:
    loaded = load(toml(document))
    assert loaded.document.app == document["app"]
    assert list(loaded.document.process) == list(document["process"])
    assert [task.name for task in loaded.document.task] == [task["name"] for task in document["task"]]
    assert list(loaded.document.environment) == list(document["environment"])


@few
@given(documents())
def test_line_ends_of_either_kind_say_the_same(document: dict[str, Any]) -> None:
    text = toml(document)
    assert load(text.replace("\n", "\r\n")).document == load(text).document


@few
@given(st.data())
def test_one_unknown_key_anywhere_is_one_fault_that_names_it(data: st.DataObject) -> None:
    document = data.draw(documents())
    tables = [table for table, _ in _tables(document)]
    data.draw(st.sampled_from(tables))["zzz"] = 1
    assert [("zzz: is not a known key" in fault) for fault in faults(toml(document))] == [True]


@few
@given(st.data())
def test_one_value_of_the_wrong_kind_anywhere_is_found_at_its_line(data: st.DataObject) -> None:
    document = data.draw(documents())
    table, path = data.draw(st.sampled_from([(table, path) for table, path in _tables(document) if table]))
    key = data.draw(st.sampled_from(sorted(table)))
    table[key] = 1e300
    text = toml(document)
    found = faults(text)
    named = [fault for fault in found if ".".join([*path, key]) in fault.replace("[", ".").replace("]", "")]
    lines = [text.split("\n")[int(fault.split(":")[1]) - 1] for fault in named]
    assert any("1e+300" in line for line in lines), found  # another key may no longer fit to it, and is named as well


@few
@given(documents(), hostile)
def test_hostile_names_are_refused_or_are_plain(document: dict[str, Any], name: str) -> None:
    document["app"] = name
    document["process"][name] = {"run": "x"}
    found = faults(toml(document))
    assert found[0].startswith("shipway.toml:1: app: should be a name")
    assert all(fault.isprintable() and fault.isascii() for fault in found)


@many
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    _read_or_refuse(data)
    _read_or_refuse(GOOD.encode() + data)


@many
@given(st.text(st.sampled_from("ab.=[]{}\"'#\n\r 1-:+_,\\\0é"), max_size=60))
def test_anything_like_toml_is_read_or_refused(text: str) -> None:
    _read_or_refuse(text)
    _read_or_refuse(GOOD + text)


@few
@given(st.data())
def test_a_file_cut_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    text = toml(data.draw(documents()))
    _read_or_refuse(text[: data.draw(st.integers(0, len(text)))])


def test_bytes_that_are_not_utf8_are_named_with_their_line() -> None:
    assert faults(GOOD.encode() + b"# caf\xe9\n") == ("shipway.toml:4: is not UTF-8: byte 0xe9 may not stand here",)
    assert faults(GOOD + "# \udce9") == ("shipway.toml:4: is not UTF-8: byte 0xe9 may not stand here",)


def test_a_file_in_utf16_is_refused_without_guessing() -> None:
    assert len(faults(GOOD.encode("utf-16"))) == 1


@pytest.mark.parametrize(
    "text",
    [
        GOOD + "# " + "x" * 10_000_000,
        GOOD + "x = " + "[" * 10_000_000,
        GOOD + "x = 1\n" * 1_500_000,
    ],
)
def test_ten_megabytes_are_refused_at_once(text: str) -> None:
    began = time.monotonic()
    (found,) = faults(text)
    assert found.startswith("shipway.toml:1: is ")
    assert found.endswith("MB long; a configuration has at most 1 MB")
    assert time.monotonic() - began < 30


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "".join(f"key{number} = {{ a = 1, b = [1, 2] }}\n" for number in range(25_000)),
        "".join(f"[process.p{number}]\nrn = 1\n" for number in range(25_000)),
        "shared = [" + ",".join(f'"{number}"' for number in range(2_000)) + "]",
    ],
)
def test_the_largest_file_of_faults_is_refused_in_bounded_time(text: str) -> None:
    began = time.monotonic()
    faults('app = "A"\n' + text)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("deep", ["[" * 10_000 + "]" * 10_000, "{a=" * 10_000 + "1" + "}" * 10_000])
def test_ten_thousand_levels_are_refused_by_name(deep: str) -> None:
    assert faults(f"{GOOD}x = {deep}") == ("shipway.toml:4: nests deeper than 32 levels",)
    assert faults("a" + ".a" * 10_000 + " = 1") == ("shipway.toml:1: nests deeper than 32 levels",)


def test_the_file_is_called_what_it_was_called() -> None:
    with pytest.raises(WrongInput) as raised:
        load("x = 1", "web/shipway.toml of 1a2b3c")
    assert raised.value.details[0].startswith("web/shipway.toml of 1a2b3c:1: app: is missing")


def test_a_section_that_does_not_count_is_not_looked_at() -> None:
    text = GOOD + "[environment.production]\nhosts = 3\n"
    assert load(text, ignore=("environment",)).document.environment == {}


def test_the_example_of_the_design_is_valid() -> None:
    text = (Path(__file__).parent / "example.toml").read_text()
    assert isinstance(load(text), Loaded)


def _read_or_refuse(data: bytes | str) -> None:
    try:
        load(data)
    except WrongInput as error:
        assert error.details
        assert all(detail.startswith("shipway.toml:") for detail in error.details)


def _tables(document: dict[str, Any]) -> list[tuple[dict[str, Any], list[str]]]:
    """Every table whose keys are ours, and its path."""
    found: list[tuple[dict[str, Any], list[str]]] = []
    for index, task in enumerate(document["task"]):
        found.append((task, ["task", str(index)]))
    for name, process in document["process"].items():
        found.append((process, ["process", name]))
        if isinstance(process.get("health"), dict):
            found.append((process["health"], ["process", name, "health"]))
    if "build" in document:
        found.append((document["build"], ["build"]))
    for name, environment in document["environment"].items():
        found.append((environment, ["environment", name]))
        if "requires" in environment:
            found.append((environment["requires"], ["environment", name, "requires"]))
        for index, host in enumerate(environment["hosts"]):
            if isinstance(host, dict):
                found.append((host, ["environment", name, "hosts", str(index)]))
    return found

"""What the proxy looks at inside a generation: the routed process and the static folder, under names that never change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import front
from shipway_agent.errors import AgentError
from shipway_agent.primitives import generations
from tests.agent.lodge import Lodge, lodge, process


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lodge]:
    with lodge(tmp_path / "a root") as one:
        yield one


def lay(one: Lodge, number: int = 1, **document: Any) -> Path:
    """`front/` of a generation, with `document` over its own document."""
    found = generations.read(one.root, number)
    assert found is not None
    front.lay(one.root, number, {**found, **document})
    return Path(one.root.full(f"{generations.place(number)}/front"))


def test_twelve_names_lead_to_the_slots_of_the_routed_process(home: Lodge) -> None:
    home.generation(1, process("site"), process("worker", None))
    generations.write_slots(home.root, 1, {"site": ["127.0.0.1:1", "unix//run/s"]})
    laid = lay(home)
    assert sorted(set(os.listdir(laid)) - {"open"}, key=int) == [str(slot) for slot in range(1, 13)]
    for folder in (laid, laid / "open"):
        assert [(folder / str(slot)).read_text() for slot in range(1, 5)] == ["127.0.0.1:1", "unix//run/s"] * 2


def test_an_address_that_changes_later_is_seen(home: Lodge) -> None:
    home.generation(1, process())
    generations.write_slots(home.root, 1, {"web": ["127.0.0.1:1"]})
    laid = lay(home)
    generations.write_slots(home.root, 1, {"web": ["127.0.0.1:2"]})
    assert (laid / "12").read_text() == "127.0.0.1:2"


def test_the_static_folder_of_the_release(home: Lodge) -> None:
    home.generation(1)
    (Path(home.root.full("releases")) / home.release("v1") / "web" / "dist").mkdir(parents=True)
    laid = lay(home, static="web/dist")
    assert os.listdir(laid) == ["static"]
    assert (laid / "static").resolve() == Path(home.root.full("releases")).resolve() / home.release("v1") / "web" / "dist"


def test_a_generation_of_workers_has_an_empty_front(home: Lodge) -> None:
    home.generation(1, process("worker", None))
    assert os.listdir(lay(home)) == []


def test_a_second_time_changes_nothing(home: Lodge) -> None:
    home.generation(1, process())
    generations.write_slots(home.root, 1, {"web": ["127.0.0.1:1"]})
    before = lay(home).stat().st_ino
    assert lay(home).stat().st_ino == before


def test_what_a_killed_agent_left_is_swept(home: Lodge) -> None:
    home.generation(1, process("worker", None))
    leftover = Path(home.root.full(f"{generations.place(1)}/.new-0123456789abcdef"))
    leftover.mkdir()
    lay(home)
    assert not leftover.exists()


@pytest.mark.parametrize("missing", ["web.1", "web.12"])
def test_a_slot_without_an_address_is_refused(home: Lodge, missing: str) -> None:
    home.generation(1, process())
    generations.write_slots(home.root, 1, {"web": ["127.0.0.1:1"]})
    Path(home.root.full(f"{generations.place(1)}/up/{missing}")).unlink()
    with pytest.raises(AgentError, match=missing) as refused:
        lay(home)
    assert refused.value.code == "slots"


def test_several_that_listen_and_no_web_are_refused(home: Lodge) -> None:
    home.generation(1, process("api"), process("admin"))
    with pytest.raises(AgentError, match="api, admin") as refused:
        lay(home)
    assert refused.value.code == "front"


@pytest.mark.parametrize("static", ["../../shared", "/etc", "a/../../b", "a//b", "."])
def test_a_static_folder_outside_the_release_is_refused(home: Lodge, static: str) -> None:
    home.generation(1)
    with pytest.raises(AgentError) as refused:
        lay(home, static=static)
    assert refused.value.code == "path"


HOLD = {"how": "hold", "hold_seconds": 60}


def test_a_hold_leads_visitors_nowhere_and_our_own_probes_where_they_went(home: Lodge) -> None:
    home.generation(1, process())
    generations.write_slots(home.root, 1, {"web": ["127.0.0.1:1"]})
    laid = lay(home, maintenance=HOLD)
    assert (laid / "held.60").exists() and not (laid / "closed").exists() and (laid / "page.html").read_text()
    assert (laid / "open/12").read_bytes() == front.NOWHERE and (laid / "12").read_text() == "127.0.0.1:1"


@pytest.mark.parametrize(
    ("document", "there"),
    [
        ({}, set()),
        ({"maintenance": {"how": "page"}}, {"closed", "page.html"}),
        ({"closed": {"who": "ann"}}, {"stopped", "page.html"}),
        ({"closed": {"who": "ann"}, "maintenance": {"how": "page"}}, {"stopped", "closed", "page.html"}),
        ({"maintenance": {"how": "page"}, "static": "public"}, {"closed", "page.html", "static"}),
    ],
)
def test_what_keeps_visitors_out_stands_beside_the_page_that_they_get(home: Lodge, document: dict[str, Any], there: set[str]) -> None:
    home.generation(1)
    assert set(os.listdir(lay(home, **document))) == there


def page_of(home: Lodge, number: int = 1, **document: Any) -> str:
    return (lay(home, number, **{"maintenance": {"how": "page"}, **document}) / "page.html").read_text()


def test_the_page_is_the_commands_own_else_its_words_else_that_of_the_release(home: Lodge) -> None:
    for number in (1, 2, 3, 4):
        home.generation(number)
    release = Path(home.root.full("releases")) / home.release("v1")
    assert "back in a few minutes" in page_of(home, 2, release=release.name)
    (release / "maintenance.html").write_text("<p>ours")
    assert page_of(home, 1) == "<p>ours"
    said = page_of(home, 3, release=release.name, maintenance={"how": "page", "message": "until <nine>"})
    assert "until &lt;nine&gt;" in said
    (Path(home.root.full(generations.place(4))) / "maintenance.html").write_text("<p>sent")
    assert page_of(home, 4, release=release.name, maintenance={"how": "page", "page": "d" * 64}) == "<p>sent"


def test_a_page_that_is_no_file_or_too_long_is_not_shown(home: Lodge) -> None:
    for number in (1, 2):
        home.generation(number)
    page = Path(home.root.full("releases")) / home.release("v1") / "maintenance.html"
    page.symlink_to("/etc/passwd")
    assert "back in a few minutes" in page_of(home, 1)
    page.unlink()
    page.write_text("x" * (256 * 1024 + 1))
    assert "back in a few minutes" in page_of(home, 2, release=home.release("v1"))

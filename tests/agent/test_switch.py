"""One rename, with its intent journalled before and its fact after, by a real daemon and a real Caddy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent import clock
from shipway_agent.apply import point
from shipway_agent.errors import AgentError
from shipway_agent.primitives import generations, switch
from shipway_agent.root import Root
from shipway_agent.states import ARMED, SWITCHED
from tests.agent.shop import Shop, get, shop


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path / "shop") as one:
        yield one


def link(one: Shop) -> str | None:
    path = one.root.full("current")
    return os.readlink(path) if os.path.lexists(path) else None


def stage(one: Shop, number: int) -> str | None:
    attempt = one.journal.member().attempt(f"d-{number}")
    return attempt.stage if attempt else None


def version(one: Shop, path: str = "/") -> str:
    """The version that the front door answers with."""
    status, headers, body = get(one.port, path)
    return headers.get("x-version") or f"{status} {body.decode()}"


# ------------------------------------------------------------------- it goes


def test_a_switch_makes_the_generation_current_for_link_record_and_front_door(open_shop: Shop) -> None:
    open_shop.open_door()
    open_shop.deploy(1)
    assert version(open_shop) == "1"
    open_shop.make(2)
    open_shop.start(2)
    before = clock.boot_now()
    answer = open_shop.turn(2)
    assert answer["base"] == 1
    assert before <= answer["at_boot"] <= clock.boot_now()
    assert 0 < answer["seconds"] < 5
    assert (link(open_shop), open_shop.journal.member().current, stage(open_shop, 2)) == ("generations/000002", 2, SWITCHED)
    assert version(open_shop) == "2"


def test_code_static_files_and_routed_process_flip_together_and_come_back(open_shop: Shop) -> None:
    open_shop.open_door()
    open_shop.deploy(1, static="public")
    open_shop.make(2, name="site")
    open_shop.start(2)
    assert version(open_shop, "/style.css") == "200 /* v1 */"
    open_shop.turn(2)
    assert (version(open_shop), version(open_shop, "/style.css")) == ("2", "2")  # 2 has no static folder: its application is asked
    open_shop.undo(2)
    assert (version(open_shop), version(open_shop, "/style.css")) == ("1", "200 /* v1 */")


def test_the_intent_of_the_switch_goes_with_that_of_its_step_once_all_is_laid(open_shop: Shop) -> None:
    open_shop.make(1)
    assert switch.message_with_intent(open_shop.root, "d-1", 1) is None, "what the rename flips is not there yet"
    open_shop.start(1)
    assert switch.message_with_intent(open_shop.root, "d-1", 1) == {"do": "arm", "deployment": "d-1", "fence": 1}


def test_the_proxy_is_not_touched(open_shop: Shop) -> None:
    open_shop.open_door()
    open_shop.deploy(1)
    config = Path(open_shop.root.full("proxy/caddy.json")).stat()
    log = Path(open_shop.root.full("proxy/logs/caddy.1.000001.log")).read_text()
    open_shop.deploy(2)
    after = Path(open_shop.root.full("proxy/caddy.json")).stat()
    assert (after.st_ino, after.st_mtime_ns) == (config.st_ino, config.st_mtime_ns)
    assert Path(open_shop.root.full("proxy/logs/caddy.1.000001.log")).read_text() == log


def test_the_first_switch_has_no_base_and_its_undo_leaves_nothing(open_shop: Shop) -> None:
    open_shop.open_door()
    open_shop.make(1)
    open_shop.start(1)
    assert open_shop.turn(1)["base"] is None
    open_shop.undo(1)
    assert link(open_shop) is None
    assert version(open_shop).startswith("503")


# -------------------------------------------------------- it is killed halfway


def test_killed_after_the_intent_it_goes_on_with_the_rename(open_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    open_shop.deploy(1)
    open_shop.make(2)
    open_shop.start(2)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(switch, "point", dies)
    with pytest.raises(KeyboardInterrupt):
        open_shop.turn(2)
    assert (stage(open_shop, 2), link(open_shop)) == (ARMED, "generations/000001")
    monkeypatch.undo()
    assert open_shop.turn(2)["base"] == 1
    assert (stage(open_shop, 2), link(open_shop)) == (SWITCHED, "generations/000002")


def test_killed_after_the_rename_it_goes_on_with_the_record(open_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    open_shop.deploy(1)
    open_shop.make(2)
    open_shop.start(2)

    def dies(root: Root, number: int | None) -> None:
        point(root, number)
        raise KeyboardInterrupt

    monkeypatch.setattr(switch, "point", dies)
    with pytest.raises(KeyboardInterrupt):
        open_shop.turn(2)
    assert (stage(open_shop, 2), link(open_shop)) == (ARMED, "generations/000002")
    monkeypatch.undo()
    open_shop.turn(2)
    assert (stage(open_shop, 2), link(open_shop), open_shop.journal.member().current) == (SWITCHED, "generations/000002", 2)


def test_a_second_switch_answers_as_the_first(open_shop: Shop) -> None:
    open_shop.deploy(1)
    open_shop.make(2)
    open_shop.start(2)
    assert open_shop.turn(2)["base"] == open_shop.turn(2)["base"] == 1


# ------------------------------------------------------------- it is refused


def test_before_the_candidates_are_ready_it_is_out_of_order(open_shop: Shop) -> None:
    open_shop.make(1, listens=None)
    with pytest.raises(AgentError) as refused:
        open_shop.turn(1)
    assert refused.value.code == "order"
    assert link(open_shop) is None


def test_a_generation_that_is_not_there_is_named(open_shop: Shop) -> None:
    with pytest.raises(AgentError, match="generation 7") as refused:
        open_shop.turn(7)
    assert refused.value.code == "no-generation"


def test_without_its_slots_it_is_refused_before_the_intent(open_shop: Shop) -> None:
    open_shop.make(1)
    open_shop.start(1)
    Path(open_shop.root.full(f"{generations.place(1)}/up/web.3")).unlink()
    with pytest.raises(AgentError) as refused:
        open_shop.turn(1)
    assert refused.value.code == "slots"
    assert stage(open_shop, 1) == "ready"


def test_after_the_decision_it_is_refused_and_the_link_stays(open_shop: Shop) -> None:
    open_shop.deploy(1)
    open_shop.make(2)
    open_shop.start(2)
    open_shop.decide("undo", 2)
    with pytest.raises(AgentError) as refused:
        open_shop.turn(2)
    assert refused.value.code == "settled"
    assert link(open_shop) == "generations/000001"


def test_a_decision_that_came_between_rename_and_record_wins(open_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    open_shop.deploy(1)
    open_shop.make(2)
    open_shop.start(2)

    def overtaken(root: Root, number: int | None) -> None:
        point(root, number)
        open_shop.journal.decide({"do": "undo", "deployment": "d-2", "fence": 2}, clock.boot_now())

    monkeypatch.setattr(switch, "point", overtaken)
    with pytest.raises(AgentError) as refused:
        open_shop.turn(2)
    assert refused.value.code == "settled"
    assert link(open_shop) == "generations/000001"

"""Faults on one host whose root has 200 bytes: what serves serves on, the words lead on, and what they say works."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.stories.proof import Ground, commands_of, visit, wait_for
from tests.stories.shop import Shop

ROOT_BYTES = 200
QUICK = "watch_seconds = 0.5\nlease_seconds = 3\nconfirm_seconds = 6"


@pytest.fixture(scope="module")
def shop(common_place: Path) -> Shop:
    deep = common_place / ("d" * 80)
    deep /= "e" * (ROOT_BYTES - len(str(deep)) - len("/") - len("/a"))
    deep.mkdir(parents=True)
    return Shop(deep, more=QUICK)


@pytest.fixture(scope="module")
def ground(shop: Shop, common_place: Path) -> Ground:
    return shop.ground(common_place)


def test_a_root_of_two_hundred_bytes_simply_works(ground: Ground, shop: Shop) -> None:
    assert len(str(shop.root).encode()) == ROOT_BYTES
    version = ground.author.commit()
    with ground.visited() as standing:
        shop.project.run("plan", "local")
    ground.untouched(standing)
    shop.project.run("deploy", "local")
    assert visit(shop.door) == f"200 {version}"


def test_a_process_that_cannot_start(ground: Ground) -> None:
    ground.author.commit(start="never")
    said = ground.fails("deploy", "local", code=1, names=["a:", "start web", "ended with 3", "cannot start: behaviour.json says so"])
    ground.mended(said)


def test_a_process_that_dies_after_two_seconds(ground: Ground) -> None:
    patient = ground.author.settings.replace("watch_seconds = 0.5", "watch_seconds = 4")
    ground.author.commit(patient, die_after_seconds=2)
    with ground.visited() as standing:
        standing.also = {"200 " + (ground.project.directory / "VERSION").read_text().strip()}
        said = ground.project.run("deploy", "local", code=None)
    ground.stands(standing, said, code=1, names=["a:", "prove what serves", "died", "exit 1", "dies as behaviour.json says"])
    ground.mended(said)


def test_health_that_never_turns_green(ground: Ground) -> None:
    ground.author.commit(ground.author.settings.replace("within_seconds = 30", "within_seconds = 1"), health="never")
    said = ground.fails("deploy", "local", code=1, names=["a:", "start web", "was not healthy at /up", "503"])
    ground.mended(said)


def test_a_port_that_a_foreign_process_holds(ground: Ground, shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        ground.author.commit(ground.author.settings.replace(shop.door, f"127.0.0.1:{port}"))
        said = ground.fails("deploy", "local", code=1, names=["a:", "the proxy", f"127.0.0.1:{port}"])
    ground.mended(said)


HANGING = """
[[task]]
name = "hang"
run = "sleep 987 & setsid sleep 987 & nohup sleep 987 & echo waiting for nobody; sleep 987"
timeout_seconds = 1
"""


def test_a_task_that_hangs_is_ended_with_all_that_it_started(ground: Ground) -> None:
    ground.author.commit(ground.author.settings + HANGING)
    said = ground.fails("deploy", "local", code=1, names=["a:", "hang", "1 s", "waiting for nobody"])
    ground.mended(said)


SLOW = """
[[task]]
name = "slow"
run = "sleep 3"
"""


def test_a_second_operator_while_one_deploys(ground: Ground) -> None:
    while True:
        version = ground.author.commit(ground.author.settings + SLOW)
        with ground.visited() as standing:
            first = ground.project.start("deploy", "local", "--json")
            begun = wait_for(first, "began")
            began = time.monotonic()
            second = ground.project.run("deploy", "local", code=None)
            waited = time.monotonic() - began
            standing.also = {f"200 {version}"}
            rest, _ = first.communicate(timeout=60)
        assert first.returncode == 0, rest
        if second.code != 0:
            break  # on a very busy machine the first one has ended before the second one asks
    assert second.code == 3, second.text
    for name in (begun["data"]["who"], begun["deployment"], "lease of a", " for "):
        assert name in second.text, second.text
    assert waited < ground.lease_seconds + 10
    ground.goes_on(second, serves=version)


def test_a_release_that_would_drop_what_is_shared(ground: Ground, shop: Shop) -> None:
    (shop.root / "shared/media/photo").write_text("a memory")
    ground.author.commit(ground.author.settings.replace('shared = ["media"]', ""))
    said = ground.fails("deploy", "local", code=3, names=["no longer shares 'media'", "lives on a", "nothing was touched"])
    ground.author.commit()
    assert commands_of(said) == [["deploy", "local"]]
    ground.goes_on(said)
    assert (shop.root / "shared/media/photo").read_text() == "a memory"


def test_a_host_with_another_name_at_the_same_root(ground: Ground) -> None:
    ground.author.commit(ground.author.settings.replace('name = "a"', 'name = "b"'))
    said = ground.fails("deploy", "local", code=3, names=["a is a recorded member", "belongs to host a", "nothing was touched"])
    ground.mended(said)

"""Four hosts and tasks that fail on one of them: nothing is activated anywhere, what can be undone is, and the rest is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stories.proof import Ground
from tests.stories.shop import Shop
from tests.stories.test_errors import QUICK

HOSTS = ("a", "b", "c", "d")

SHAKY = """
[[task]]
name = "look"
run = "test ! -e media/worn || { echo the disk of this host is worn out; exit 7; }"

[[task]]
name = "hang"
run = "test ! -e media/stuck || { echo waiting; sleep 987 & sleep 987; }"
timeout_seconds = 1

[[task]]
name = "announce"
phase = "activate"
run = "echo announced >> media/told"
undo = "echo withdrawn >> media/told"

[[task]]
name = "write"
phase = "activate"
once = true
run = "echo written >> media/written"

[[task]]
name = "migrate"
phase = "activate"
once = true
run = "test ! -e media/locked || { echo the database is locked; exit 1; }"

"""


@contextmanager
def there(path: Path) -> Iterator[None]:
    """A file that makes a host fail, until whoever runs it has mended that."""
    path.touch()
    try:
        yield
    finally:
        path.unlink()


@pytest.fixture(scope="module")
def shop(common_place: Path) -> Shop:
    return Shop(common_place, HOSTS, settings=SHAKY, more=QUICK)


@pytest.fixture(scope="module")
def ground(shop: Shop, common_place: Path) -> Ground:
    return shop.ground(common_place)


def test_a_task_that_fails_on_one_host_of_four(ground: Ground, shop: Shop) -> None:
    ground.author.commit()
    with there(shop.roots["c"] / "shared/media/worn"):
        said = ground.fails(
            "deploy", "local", code=1, names=["c: ", "task look", "ended with exit code 7", "the disk of this host is worn out"]
        )
    for host in ("a", "b", "d"):
        assert f"{host}: task look" not in said.text, said.text
    ground.mended(said)


def test_a_task_that_hangs_on_one_host_of_four(ground: Ground, shop: Shop) -> None:
    ground.author.commit()
    with there(shop.roots["b"] / "shared/media/stuck"):
        said = ground.fails("deploy", "local", code=1, names=["b: ", "task hang", "within 1 s", "waiting"])
    ground.mended(said)


def test_what_was_activated_is_undone_where_it_can_be_and_named_where_not(ground: Ground, shop: Shop) -> None:
    media = {host: root / "shared/media" for host, root in shop.roots.items()}
    for told in media.values():
        (told / "told").unlink()
    ground.author.commit()
    with there(media["a"] / "locked"):
        said = ground.fails(
            "deploy", "local", code=1, names=["a: ", "migrate", "the database is locked", "have no undo: migrate on a, write on a"]
        )
    assert {(told / "told").read_text() for told in media.values()} == {"announced\nwithdrawn\n"}
    for host in HOSTS:
        assert f"announce on {host}" in said.text
    ground.mended(said)


def test_a_process_that_fails_on_one_host_of_four(ground: Ground, shop: Shop) -> None:
    picky = ground.author.settings.replace('run = "', 'run = "test ! -e media/dark || { echo no light here; exit 9; }; exec ', 1)
    ground.author.commit(picky)
    with there(shop.roots["d"] / "shared/media/dark"):
        said = ground.fails("deploy", "local", code=1, names=["d: ", "start web", "ended with 9", "no light here"])
    ground.mended(said)

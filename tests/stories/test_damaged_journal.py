"""A disk changes a byte of a host's journal while all is well: the next vote finds it, it is said once, and status remembers it."""

from __future__ import annotations

from pathlib import Path

from shipway_agent.root import Root
from tests.agent.journal.acts import spoil
from tests.stories.shop import Shop

FOUND = "a page of it is not what was written"


def test_a_damaged_journal_is_said_once_and_remembered_by_status(place: Path) -> None:
    shop = Shop(place, ("a", "b"))
    shop.project.deploy("v1")
    with Root(str(shop.roots["b"])) as root:
        spoil(root, "sqlite_autoindex_steps_1", b"start", b"stars")
    way_out = f"move journal.db*, journal.mark, generations and current out of {shop.roots['b']}"

    said = shop.project.run("deploy", "local", code=1)
    assert said.text.count(way_out) == 1, said.text
    assert f"UNDONE: b: {shop.roots['b']}/journal.db: {FOUND}" in said.text
    assert shop.version() == "1"

    said = shop.project.run("status", "local", code=4)
    assert "the journal of b is damaged" in said.text and way_out in said.text

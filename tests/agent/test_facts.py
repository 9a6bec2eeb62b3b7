"""What a host tells of itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent.call import Place
from shipway_agent.primitives import facts
from tests.agent.workshop import RELEASE, Workshop, workshop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with workshop(tmp_path / "root") as one:
        yield one


def look(shop: Workshop, *, verify: bool = False) -> dict[str, object]:
    return facts.look(Place(shop.root, shop.root.full("proxy"), "a", "hash"), shop.journal, verify=verify)


def test_everything_of_the_contract_is_there(shop: Workshop) -> None:
    assert list(look(shop)) == [
        *(
            "hello",
            "disk",
            "member",
            "link",
            "generations",
            "good",
            "releases",
            "processes",
            "proxy",
            "jobs",
            "shared",
            "doing",
            "draining",
        ),
        *("drift", "unsound", "busy", "left", "supervisor", "root_bytes", "notifications", "peer_port", "cannot_ask"),
    ]


def test_shared_paths_are_those_that_exist_declared_or_not(shop: Workshop) -> None:
    (shop.home / "shared/media/uploads").mkdir(parents=True)
    (shop.home / "shared/forgotten").mkdir()
    document = shop.home / "generations/000001/generation.json"
    document.write_text(document.read_text().replace('"release":', '"shared": ["media/uploads", "var"], "release":'))
    assert facts.shared_paths(shop.root) == ["forgotten", "media/uploads"]


def test_bytes_are_counted_once_for_each_file(shop: Workshop) -> None:
    folder = shop.home / "blobs"
    folder.mkdir()
    before = facts.bytes_below(shop.root)
    (folder / "one").write_bytes(b"x" * 1_000_000)
    os.link(folder / "one", folder / "two")
    assert 1_000_000 <= facts.bytes_below(shop.root) - before < 1_200_000


def test_drift_is_told_only_when_asked(shop: Workshop) -> None:
    assert look(shop)["drift"] == []
    live = {"release": RELEASE}
    found = facts._drift(Place(shop.root, "", "a", "hash"), shop.journal, live)
    assert found == [f"the manifest of release {RELEASE[:12]} is not on this host"]

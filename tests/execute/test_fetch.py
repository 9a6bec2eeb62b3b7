"""Contents of a real agent's store come as files: small ones together, large ones in parts, and none that is not what its digest says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from shipway.execute.fetch import SMALL_BYTES, TOGETHER_BYTES, Blob, fetch
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.model.errors import HostError
from shipway_agent.manifest import digest
from shipway_agent.root import Root
from tests.agent.primitives.conftest import blob_path
from tests.execute.test_ship import Freight, Ground

RANDOM = random.Random(5)
LARGE = RANDOM.randbytes(5_000_000)
FILES = {b"%d" % number: RANDOM.randbytes(number * 97 % 9000) for number in range(600)} | {b"large": LARGE}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    ground = Ground(tmp_path_factory.mktemp("host"), "a")
    ground.ship(Freight(FILES))
    return ground


def brought(ground: Ground, blobs: list[Blob], folder: Path) -> None:
    async def work(fleet: Fleet, tell: Tell) -> None:
        await fetch(fleet, "a", blobs, folder)

    ground.run(work)


def test_every_content_arrives_whatever_its_size(ground: Ground, tmp_path: Path) -> None:
    assert sum(len(data) for data in FILES.values()) > 2 * TOGETHER_BYTES and len(LARGE) > SMALL_BYTES
    brought(ground, [(digest(data), False, len(data)) for data in FILES.values()], tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {digest(data): data for data in FILES.values()}


def test_a_size_may_be_unknown_and_what_is_here_is_not_asked_for(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / digest(b"here")).write_bytes(b"here")
    brought(ground, [(digest(LARGE), False, -1), (digest(b"here"), False, 4)], tmp_path)
    assert (tmp_path / digest(LARGE)).read_bytes() == LARGE


@pytest.mark.parametrize("damaged", [b"", b"longer" * 1_000_000])
def test_what_is_damaged_there_is_named(ground: Ground, tmp_path: Path, damaged: bytes) -> None:
    one, two = RANDOM.randbytes(300), RANDOM.randbytes(300)
    ground.ship(Freight({b"one": one, b"two": two}))
    with Root(str(ground.place / "a")) as root:
        path = Path(blob_path(root, digest(two)))
    path.chmod(0o644)
    path.write_bytes(damaged)
    with pytest.raises(HostError, match=f"blob {digest(two)} on this host is damaged"):
        brought(ground, [(digest(one), False, 300), (digest(two), False, 300)], tmp_path)
    assert not (tmp_path / digest(two)).exists()

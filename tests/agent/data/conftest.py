"""What tests of data get: a root with nothing on it, a PostgreSQL server, and the name of a database of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.data.kept import Kept, kept
from tests.databases import Server


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Kept]:
    with kept(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as made:
        yield made


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """What no other test's database on the server is called."""
    return f"db{abs(hash(request.node.name)) % 10**9}"

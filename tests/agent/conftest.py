"""What tests of the agent get: a root with nothing in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent.root import Root


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    with Root(f"{tmp_path}/root", create=True) as opened:
        yield opened

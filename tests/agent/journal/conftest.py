"""A root that is new, and its journal, which has a name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent.journal import Journal
from shipway_agent.root import Root


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    with Root(f"{tmp_path}/root", create=True) as opened:
        yield opened


@pytest.fixture
def journal(root: Root) -> Iterator[Journal]:
    with Journal(root) as opened:
        opened.name_member("a")
        yield opened

"""The journal of a new root, which has a name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shipway_agent.journal import Journal
from shipway_agent.root import Root


@pytest.fixture
def journal(root: Root) -> Iterator[Journal]:
    with Journal(root) as opened:
        opened.name_member("a")
        yield opened

"""What stories get: a directory of their own whose processes all end with the story, and local hosts in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.project import end_all


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose path is short, as roots are; whatever still runs there when the story is over is ended."""
    directory = Path(tempfile.mkdtemp(prefix="story-"))
    try:
        yield directory
    finally:
        end_all(directory)
        for path in directory.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(directory)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)

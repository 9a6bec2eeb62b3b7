"""What stories get: a directory of their own whose processes all end with the story, and local hosts in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stories.project import end_all


@contextmanager
def a_place() -> Iterator[Path]:
    """A directory whose path is short, as roots are; whatever still runs there when the block is over is ended."""
    directory = Path(tempfile.mkdtemp(prefix="story-"))
    try:
        yield directory
    finally:
        end_all(directory)
        for path in directory.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(directory)


@pytest.fixture
def place() -> Iterator[Path]:
    """A place for one story."""
    with a_place() as directory:
        yield directory


@pytest.fixture(scope="module")
def common_place() -> Iterator[Path]:
    """A place for all stories of a file: each leaves it as the next may find it."""
    with a_place() as directory:
        yield directory


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)

"""A directory in, a root whose data a test can copy, and what it tells meanwhile, out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shipway_agent.data import points
from shipway_agent.data.declared import Declared
from shipway_agent.data.programs import Work, work_of
from shipway_agent.journal import Journal
from shipway_agent.primitives import Context
from shipway_agent.root import Root
from shipway_agent.surroundings import defaults


class Kept:
    """A root of host `a`. `said` are the lines that were told."""

    def __init__(self, root: Root, journal: Journal) -> None:
        self.root = root
        self.path = Path(root.path)
        self.journal = journal
        self.said: list[str] = []

    def context(self, key: str = "") -> Context:
        return Context(self.root, "", self.journal, "", 0, key, float("inf"), lambda event: self.said.append(str(event.get("line"))))

    def work(self, seconds: float = 60.0) -> Work:
        return work_of(self.context(), defaults(), seconds)

    def take(self, data: Declared, **more: Any) -> dict[str, Any]:
        """A point, as somebody would by hand."""
        return points.take(self.context(), data, why="by hand", **more)

    def put_back(self, data: Declared, point: str) -> dict[str, Any]:
        """What the step of a restore does, beside its journal."""
        with points.opened(self.root, point) as folder:
            about = points.about(folder)
            source = points.source_of(self.root, data, self.work())
            source.read(folder, about)
            return source.put_back(folder, about, "abc123", self.said.append)

    def names(self, data: Declared) -> list[str]:
        """What is listed, oldest first."""
        return [str(one["point"]) for one in points.listed(self.root, data.name)]

    def files(self, data: Declared) -> list[str]:
        """What is in the folder, listed or not."""
        return sorted(path.name for path in (self.path / "data" / data.name).iterdir() if not path.name.endswith("lock"))


@contextmanager
def kept(tmp_path: Path) -> Iterator[Kept]:
    """As a block."""
    with Root(str(tmp_path / "root"), create=True) as root, Journal(root) as journal:
        journal.name_member("a")
        yield Kept(root, journal)


def of(driver: str, **more: Any) -> Declared:
    """Data called main."""
    return Declared("main", driver, "a", environment=defaults(), **more)

"""A directory and names of hosts in, the sample application with five versions and these local hosts out."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.stories.project import FOUR, Project, local, processes_of, sample
from tests.stories.proof import Author, Ground

VERSIONS = {**FOUR, "v5": {}}
QUICK = "watch_seconds = 1\nlease_seconds = 6\nconfirm_seconds = 12"
"""Times of a story: short, and long enough for a busy machine."""


class Shop:
    """v1, v2 and v5 are good, v3 cannot start, v4 turns sick; HEAD is v5. `doors` are where visitors come, HOST:PORT by host.

    `more` are keys of the environment, `after` the tables behind it.
    """

    def __init__(
        self,
        place: Path,
        names: Sequence[str] = ("a",),
        *,
        settings: str = "",
        more: str = QUICK,
        run: str = "{python} app.py",
        after: str = "",
    ) -> None:
        self.place = place
        self.roots = {name: place / name for name in names}
        text, self.doors = local(place, names, more=more)
        self.repository = sample(place / "shop", f"{settings}\n{text}{after}", versions=VERSIONS, run=run)
        self.project = Project(self.repository, "local")

    @property
    def root(self) -> Path:
        """The first host's."""
        return next(iter(self.roots.values()))

    @property
    def door(self) -> str:
        """The first host's."""
        return next(iter(self.doors.values()))

    def ask(self, page: str = "/version", host: str | None = None) -> tuple[int, str]:
        """A visitor's request: status and body. Raises OSError where nobody answers."""
        connection = http.client.HTTPConnection(self.doors[host] if host else self.door, timeout=10)
        try:
            connection.request("GET", page)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def about(self, host: str | None = None) -> dict[str, Any]:
        """What /version says: {"version", "pid", "generation"}."""
        status, body = self.ask("/version", host)
        assert status == 200, body
        said: dict[str, Any] = json.loads(body)
        return said

    def version(self) -> str:
        """What every front door answers with; fails the test where they differ."""
        versions = {self.about(host)["version"] for host in self.doors}
        assert len(versions) == 1, versions
        return str(versions.pop())

    def ground(self, place: Path) -> Ground:
        """It serves what its author committed first; all that runs below `place` is of its hosts."""
        ground = Ground(self.project, self.doors, lambda: processes_of(place), Author(self.repository))
        ground.author.commit()
        self.project.run("deploy", "local")
        return ground

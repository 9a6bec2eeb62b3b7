"""A root and a database in; out, generations on it whose releases bring migrations, as a deployment would have made them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shipway_agent.data.migrations import run
from shipway_agent.errors import AgentError
from shipway_agent.primitives import Context
from tests.agent.data.kept import Kept

BOUND_SECONDS = 60.0

APART = """
import sys
from pathlib import Path
from shipway_agent.errors import AgentError
from tests.agent.data.kept import kept
from tests.agent.data.migrating import Migrating
with kept(Path(sys.argv[1])) as home:
    try:
        Migrating(home, {}, {}).run(1)
    except AgentError as error:
        sys.exit(f"{error.code}: {error.message}")
"""


class Migrating:
    """Generations of one application; `row` is what their documents say of the data."""

    def __init__(self, home: Kept, data: Mapping[str, Any], env: Mapping[str, str]) -> None:
        self.home = home
        self.data = {"name": "main", "host": "a", "keep": 5, "timeout_seconds": 60.0, **data}
        self.env = dict(env)

    def generation(self, number: int, files: Mapping[str, str], **declared: Any) -> int:
        """One whose release holds these files, by path; it does not serve yet."""
        release = f"{number:064x}"
        for path, text in files.items():
            file = self.home.path / "releases" / release / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        row = {
            "adapter": "sql",
            "data": "main",
            "host": "a",
            "path": "migrations",
            "lock_seconds": 5.0,
            "timeout_seconds": 60.0,
            **declared,
        }
        document = {
            "number": number,
            "release": release,
            "version": f"v{number}",
            "environment": "production",
            "data": [self.data],
            "migrations": {**row, **declared},
            "processes": [],
        }
        place = self.place(number)
        place.mkdir(parents=True, exist_ok=True)
        (place / "generation.json").write_text(json.dumps(document))
        (place / "env.json").write_text(json.dumps({"common": self.env, "task": {}, "process": {}}))
        return number

    def serve(self, number: int) -> None:
        """It is current."""
        self.home.root.link("current", f"generations/{number:06d}")

    def place(self, number: int) -> Path:
        return self.home.path / "generations" / f"{number:06d}"

    def left(self, number: int) -> dict[str, Any]:
        """What it left of its schema."""
        found: dict[str, Any] = json.loads((self.place(number) / "schema.json").read_text())
        return found

    def context(self, key: str = "migrate:expand") -> Context:
        return self.home.context(key)

    def look(self, number: int) -> list[tuple[str, str]]:
        """Names and phases of those that are pending."""
        found = run.look(self.context(), number, self.home.said.append)
        return [(str(one["name"]), str(one["phase"])) for one in found["pending"]]

    def run(self, number: int, phase: str = "expand", held: Sequence[str] = ()) -> list[str]:
        """Names of those that were applied."""
        return [str(name) for name, _ in run.run(self.context(), number, phase, held, self.home.said.append)["ran"]]

    def run_apart(self) -> subprocess.Popen[bytes]:
        """Those of generation 1, applied by an agent of its own: somebody may kill it."""
        return subprocess.Popen([sys.executable, "-c", APART, str(self.home.path.parent)], stderr=subprocess.DEVNULL)

    def run_again(self) -> list[str]:
        """Names of those of generation 1 that were applied, once what a killed agent left has ended."""
        until = time.monotonic() + BOUND_SECONDS
        while True:
            try:
                return self.run(1)
            except AgentError as error:
                if error.code != "migrations-busy" or time.monotonic() > until:
                    raise
            time.sleep(0.05)

    def reverse(self, number: int, *names: str) -> list[str]:
        """Names of those that were taken back."""
        return [str(name) for name, _ in run.reverse(self.context(), number, names, self.home.said.append)["reversed"]]

    def applied(self, number: int) -> list[str]:
        """As the database has it, asked with the code of a generation that serves."""
        self.serve(number)
        found: list[str] = run.schema(self.context(), number)["applied"]
        return found

"""A root, a server and a kind in; out, an empty database of that kind, and how to ask it beside Shipway."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.agent.data.kept import Kept
from tests.databases import Server


class Either:
    """A database of `kind` postgres or sqlite. `row` is what a generation declares of it, `env` how an application finds it."""

    def __init__(self, home: Kept, server: Server, kind: str, name: str) -> None:
        self.home, self.server, self.kind, self.name = home, server, kind, name
        if kind == "postgres":
            self.row = {"driver": "postgres", "url": "DATABASE_URL"}
            self.env = {"DATABASE_URL": server.database(name)}
        else:
            self.file = home.path / "shared/var/db.sqlite3"
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.row = {"driver": "sqlite", "path": "var/db.sqlite3"}
            self.env = {"DATABASE_FILE": str(self.file)}

    def sql(self, statement: str) -> list[str]:
        """The rows, columns joined by |."""
        if self.kind == "postgres":
            return self.server.sql(self.name, statement)
        with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
            return ["|".join(str(value) for value in row) for row in connection.execute(statement)]

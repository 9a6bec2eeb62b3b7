"""A directory, a database and hosts in; out, an application in three versions whose migrations can be taken back, but for the last one.

Visitors buy of it as of the till (tests/stories/till.py), and know each sale that was acknowledged.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.apps import Repository
from tests.databases import Server
from tests.stories.project import Project, local
from tests.stories.till import APP, QUICK, TABLES, Till, tag_version

SETTINGS = """\
app = "shelf"

[process.web]
run = "{python} app.py --port $PORT"
health = {{ path = "/up", contains = "ok", within_seconds = 30 }}
drain_seconds = 15

[migrations]
adapter = "sql"
hold_seconds = 120

"""

ASKS = """
    def do_GET(self):
        argv = ["psql", "-X", "-q", "-d", os.environ["DATABASE_URL"], "-c", open("ask.sql").read()]
        well = self.path != "/up" or subprocess.run(argv, capture_output=True).returncode == 0
        self.answer(200 if well else 500, "ok " + VERSION)

    def do_POST"""
"""Its page of health asks the database."""

ASK, ASK_MORE = "SELECT key FROM sales LIMIT 1", "SELECT sales.key FROM sales LEFT JOIN wanted ON true LIMIT 1"

PLAIN, NOTED = "INSERT INTO sales (key) VALUES ('{key}')", "INSERT INTO sales (key, note) VALUES ('{key}', 'sold')"


class Shelf(Till):
    """v1 serves, and is well while there is a table `wanted`; v2 brings two migrations that can be taken back, v3 one more that cannot.

    `keeper` is the host that keeps the restore points.
    """

    def __init__(self, place: Path, server: Server, names: Sequence[str] = ("a", "b"), *, keeper: str = "a") -> None:
        self.server = server
        self.roots = {name: place / name for name in names}
        self.worked = place / "worked"
        self.worked.touch()
        server.database("till", "CREATE TABLE sales (key text PRIMARY KEY); CREATE TABLE wanted ()")
        text, self.doors = local(place, names, more=QUICK)
        for name in names:
            text = text.replace(f'name = "{name}"', f'name = "{name}", roles = ["{"db" if name == keeper else "web"}"]')
        repository = Repository(place / "shelf")
        repository.write(
            "app.py", APP[: APP.index("    def do_GET")] + ASKS.lstrip("\n") + APP[APP.index("    def do_POST") + len("    def do_POST") :]
        )
        tables = TABLES.format(url=server.url("till"), worked=self.worked) + ('roles = ["db"]\n' if keeper != min(names) else "")
        repository.write("shipway.toml", SETTINGS.format(python=sys.executable) + text + tables)
        repository.write("migrations/README", "numbered files of SQL\n")
        repository.write("ask.sql", ASK_MORE)
        tag_version(repository, "v1", {}, PLAIN)
        repository.write("ask.sql", ASK)
        repository.write("migrations/0001_note.sql", "ALTER TABLE sales ADD COLUMN note text;\n")
        repository.write("migrations/0001_note.down.sql", "ALTER TABLE sales DROP COLUMN note;\n")
        repository.write("migrations/0002_audit.sql", "CREATE TABLE audit (id serial PRIMARY KEY, what text);\n")
        repository.write("migrations/0002_audit.down.sql", "DROP TABLE audit; SELECT pg_sleep(1);\n")
        tag_version(repository, "v2", {}, NOTED)
        repository.write("migrations/0003_upper.sql", "UPDATE sales SET note = upper(note);\n")
        tag_version(repository, "v3", {}, NOTED)
        self.project = Project(repository, "local")
        self.commits = {tag: repository.git("rev-parse", tag).strip() for tag in ("v1", "v2", "v3")}

    def schema(self) -> dict[str, list[str]]:
        """Tables with their columns, without our own."""
        rows = self.server.sql(
            "till",
            "SELECT table_name || '.' || column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name NOT IN ('shipway_migrations', 'wanted') ORDER BY 1",
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            table, _, column = row.partition(".")
            found.setdefault(table, []).append(column)
        return found

    def applied(self) -> list[str]:
        """Names of the migrations that the database has."""
        return self.server.sql("till", "SELECT name FROM shipway_migrations ORDER BY id")


BOX = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if os.path.exists("var/refuse-" + os.environ["RELEASE"]) else 200)
        self.end_headers()
        self.wfile.write(os.environ["RELEASE"].encode())

    def log_message(self, *args):
        pass

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
"""

BOX_SETTINGS = """\
app = "box"
shared = ["media", "var"]

[process.web]
run = "{python} app.py"
health = {{ path = "/", within_seconds = 5 }}

[migrations]
adapter = "sql"

[data.main]
driver = "sqlite"
path = "var/db.sqlite3"

[data.uploads]
driver = "files"
path = "media"

"""


class Box:
    """A SQLite database and files on one host. v1 serves, and v2 brings a migration that cannot be taken back; each refuses when told."""

    def __init__(self, place: Path) -> None:
        self.root = place / "a"
        text, self.doors = local(place, ("a",), more=QUICK)
        repository = Repository(place / "box")
        repository.write("app.py", BOX)
        repository.write("shipway.toml", BOX_SETTINGS.format(python=sys.executable) + text)
        repository.write("migrations/0001_items.sql", "CREATE TABLE items (name text);\n")
        repository.commit("Version 1", "v1")
        repository.write("migrations/0002_upper.sql", "UPDATE items SET name = upper(name);\n")
        repository.commit("Version 2", "v2")
        self.project = Project(repository, "local")

    def put(self, name: str) -> None:
        """A row and a file."""
        with closing(sqlite3.connect(self.root / "shared/var/db.sqlite3")) as database:
            database.execute("INSERT INTO items (name) VALUES (?)", (name,))
            database.commit()
        (self.root / "shared/media" / name).write_text(name)

    def has(self) -> tuple[list[str], list[str]]:
        """Rows, and files."""
        with closing(sqlite3.connect(self.root / "shared/var/db.sqlite3")) as database:
            rows = sorted(row[0] for row in database.execute("SELECT name FROM items"))
        return rows, sorted(path.name for path in (self.root / "shared/media").iterdir())

"""A ground in; out, a database that its application writes to, and migrations with every commit: what must not be lost while faults happen.

Version n writes to the column vn and to no other. So an answer says that the schema fitted, and a row that was acknowledged must be there.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.apps import Repository
from tests.databases import Server
from tests.stories.proof import Author

DATABASE = "shop"
FIRST = 100
"""The version before the first."""

PAUSE_SECONDS = 0.2
ANSWER_SECONDS = 330.0
"""The longest hold, and more."""

TABLES = """
[data.main]
driver = "postgres"

[migrations]
adapter = "sql"
hold_seconds = 60
lock_seconds = 5
timeout_seconds = 20

[environment.live.env]
DATABASE_URL = "{url}"
"""

APP = '''"""The sample, and a page that writes a row: POST /write?token=T is answered with 200 once the database has it."""

import asyncio
import os
import sys

import sample

INSERT = "INSERT INTO rows (token, v{version}) VALUES ('{token}', 1) ON CONFLICT (token) DO NOTHING"


class Books(sample.Sample):
    def __init__(self, version, behaviour):
        super().__init__(version, behaviour)
        self.pages["/write"] = self.write

    async def write(self, request):
        await request.body()
        sql = INSERT.format(version=self.version, token=request.query["token"])
        argv = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, os.environ["DATABASE_URL"]]
        child = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        said, _ = await child.communicate()
        return await self.answer(request, 200 if child.returncode == 0 else 500, said)


sample.Sample = Books
sys.exit(sample.main())
'''

PHASES: Mapping[str, Mapping[str, str]] = {
    "phases": {
        "{n}_expand.sql": "ALTER TABLE rows ADD COLUMN v{n} int;",
        "{n}_expand.down.sql": "ALTER TABLE rows DROP COLUMN v{n};",
        "{n}_zcontract.sql": "-- shipway: contract\nALTER TABLE rows DROP COLUMN v{before};",
    },
    "held": {
        "{n}_held.sql": "-- shipway: held\nALTER TABLE rows RENAME COLUMN v{before} TO v{n};",
        "{n}_held.down.sql": "ALTER TABLE rows RENAME COLUMN v{n} TO v{before};",
    },
}
"""What a commit brings, by the kind of books."""


@dataclass(frozen=True)
class Failed:
    """A write that was not acknowledged. Times are seconds since the epoch."""

    host: str
    began: float
    ended: float
    why: str


class BooksAuthor(Author):
    """Each commit brings the migrations of its version."""

    def __init__(self, repository: Repository, kind: str) -> None:
        super().__init__(repository)
        self._kind = kind

    def commit(self, settings: str | None = None, **behaviour: object) -> str:
        number = self._number + 1
        for name, text in PHASES[self._kind].items():
            self.repository.write(f"migrations/{name.format(n=number)}", text.format(n=number, before=number - 1) + "\n")
        return super().commit(settings, **behaviour)


class Books:
    """A server of its own at the hosts' gateway, with one database. Use it as a block."""

    def __init__(self, gateway: str, kind: str) -> None:
        self.kind = kind
        port = _free_port(gateway)
        self.server = Server(listen=gateway, port=port)
        self.url = f"postgres://postgres@{gateway}:{port}/{DATABASE}"

    def __enter__(self) -> Books:
        self.server.__enter__()
        self.server.database(DATABASE, f"CREATE TABLE rows (token text PRIMARY KEY, v{FIRST} int)")
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__(None, None, None)

    @property
    def settings(self) -> str:
        """Tables of shipway.toml."""
        return TABLES.format(url=self.url)

    def lay_out(self, repository: Repository, sample: str) -> BooksAuthor:
        """Put the application into a repository; who commits its versions."""
        repository.write("sample.py", sample)
        repository.write("app.py", APP)
        return BooksAuthor(repository, self.kind)

    def tokens(self) -> list[str]:
        """Of every row."""
        return self.server.sql(DATABASE, "SELECT token FROM rows")

    def columns(self) -> set[str]:
        """The versions that could write."""
        found = self.server.sql(DATABASE, "SELECT column_name FROM information_schema.columns WHERE table_name = 'rows'")
        return {name.removeprefix("v") for name in found if name != "token"}

    def applied(self) -> list[str]:
        return self.server.sql(DATABASE, "SELECT name FROM shipway_migrations ORDER BY id")

    def strange_databases(self) -> set[str]:
        """Those that nobody named: what was there before a restore is kept on purpose."""
        return {name for name in self.server.databases() - {"postgres", DATABASE} if "_before_" not in name}


class Scribes:
    """Somebody at each door who writes one row after the other, while the block lasts."""

    def __init__(self, books: Books, doors: Mapping[str, str]) -> None:
        self.books = books
        self._doors = doors
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.acknowledged: list[str] = []
        self.failed: list[Failed] = []
        self.longest_seconds = 0.0

    def __enter__(self) -> Scribes:
        self._threads = [threading.Thread(target=self._write, args=(host,), daemon=True) for host in self._doors]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(ANSWER_SECONDS)

    def _write(self, host: str) -> None:
        number = 0
        while not self._over.wait(PAUSE_SECONDS):
            number += 1
            token = f"{host}-{id(self):x}-{number}"
            began = time.time()
            why = self._post(host, token)
            ended = time.time()
            self.longest_seconds = max(self.longest_seconds, ended - began)
            if why:
                self.failed.append(Failed(host, began, ended, why))
            else:
                self.acknowledged.append(token)

    def _post(self, host: str, token: str) -> str:
        """Why it was not acknowledged; "" where it was."""
        connection = http.client.HTTPConnection(self._doors[host], timeout=ANSWER_SECONDS)
        try:
            connection.request("POST", f"/write?token={token}", body=b"")
            answer = connection.getresponse()
            said = answer.read(500).decode("utf-8", "replace")
            return "" if answer.status == 200 else f"{answer.status} {said.strip()}"
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()


def broken_books(books: Books, scribes: Scribes, serving: str, roots: Mapping[str, Path]) -> Iterator[str]:
    """What was promised of data and is not so, once all is quiet: `serving` is the version that serves, `roots` are on disk by host."""
    lost = set(scribes.acknowledged) - set(books.tokens())
    if lost:
        yield f"{len(lost)} of {len(scribes.acknowledged)} acknowledged writes are lost: {', '.join(sorted(lost)[:5])}"
    columns = books.columns()
    if serving not in columns:
        yield f"version {serving} serves, and the schema is that of {', '.join(sorted(columns))}"
    if books.kind == "held" and columns != {serving}:
        yield f"held migrations left the schema of {', '.join(sorted(columns))}, and {serving} serves"
    if strange := books.strange_databases():
        yield f"databases are left that nobody named: {', '.join(sorted(strange))}"
    for host, root in roots.items():
        if (root / "migrations/main/open.json").exists():
            yield f"{host}: a migration is noted as one that began"
    if not scribes.acknowledged:
        yield "nobody wrote anything"


def _free_port(address: str) -> int:
    """One that nobody listens at: another fleet may stand beside this one."""
    with closing(socket.create_server((address, 0))) as found:
        port: int = found.getsockname()[1]
    return port

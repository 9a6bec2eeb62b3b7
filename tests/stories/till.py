"""A directory and a database in; out, an application that notes every sale, visitors who buy all the while, and what they were promised.

The visitors know each sale that was acknowledged; a worker in the background does too. What the database has in the end is compared with
it, row for row. The migrations rename a column, so neither release could write to the other's schema.
"""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.apps import Repository
from tests.databases import Server
from tests.stories.project import Project, local

APP = """
import json, os, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SALE = open("sale.sql").read()
BEHAVIOUR = json.load(open("behaviour.json"))
VERSION = open("VERSION").read()
asked = []

def sell(key):
    argv = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", os.environ["DATABASE_URL"], "-c", SALE.format(key=key)]
    return subprocess.run(argv, capture_output=True, text=True)

class Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path != "/up":
            asked.append(time.monotonic())
        sick = BEHAVIOUR.get("sick") and asked
        self.answer(500 if sick else 200, "ok " + VERSION)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        done = sell(self.path.strip("/"))
        self.answer(200 if done.returncode == 0 else 500, VERSION + done.stderr)

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

if BEHAVIOUR.get("start") == "never":
    sys.exit(3)
if "work" in sys.argv:
    count = 0
    while True:
        key = "worker-%d-%d" % (os.getpid(), count)
        if sell(key).returncode == 0:
            with open(os.environ["WORKED"], "a") as file:
                file.write(key + "\\n")
        count += 1
        time.sleep(0.1)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
"""

SETTINGS = """\
app = "till"

[process.web]
run = "{python} app.py --port $PORT"
health = {{ path = "/up", contains = "ok", within_seconds = 30 }}
drain_seconds = 15

[process.worker]
run = "{python} app.py work"
drain_seconds = 5

[migrations]
adapter = "sql"
held = true
hold_seconds = 120

"""

TABLES = """
[environment.local.env]
DATABASE_URL = "{url}"
WORKED = "{worked}"

[data.main]
driver = "postgres"
"""

RENAME = """\
ALTER TABLE sales RENAME COLUMN key TO number;
ALTER TABLE sales ADD COLUMN note text NOT NULL DEFAULT 'sold';
UPDATE sales SET note = 'sold before';
SELECT pg_sleep(1);
"""

OLD_SALE, NEW_SALE = "INSERT INTO sales (key) VALUES ('{key}')", "INSERT INTO sales (number, note) VALUES ('{key}', 'sold now')"

QUICK = 'watch_seconds = 1\nlease_seconds = 6\nconfirm_seconds = 12\nkey_pages = ["/version"]'


class Till:
    """v1 serves; v2 migrates and is good; v3 migrates and cannot start; v4 migrates and turns sick once it was asked."""

    def __init__(self, place: Path, server: Server, names: Sequence[str] = ("a", "b")) -> None:
        self.server = server
        self.roots = {name: place / name for name in names}
        self.worked = place / "worked"
        self.worked.touch()
        server.database("till", "CREATE TABLE sales (key text PRIMARY KEY)")
        text, self.doors = local(place, names, more=QUICK)
        repository = Repository(place / "till")
        repository.write("app.py", APP)
        tables = TABLES.format(url=server.url("till"), worked=self.worked)
        repository.write("shipway.toml", SETTINGS.format(python=sys.executable) + text + tables)
        repository.write("migrations/README", "numbered files of SQL\n")
        tag_version(repository, "v1", {}, OLD_SALE)
        repository.write("migrations/0001_number.sql", RENAME)
        tag_version(repository, "v2", {}, NEW_SALE)
        tag_version(repository, "v3", {"start": "never"}, NEW_SALE)
        tag_version(repository, "v4", {"sick": True}, NEW_SALE)
        self.project = Project(repository, "local")

    def columns(self) -> list[str]:
        """The schema, as far as the migrations change it."""
        return sorted(self.server.sql("till", "SELECT column_name FROM information_schema.columns WHERE table_name = 'sales'"))

    def sold(self) -> set[str]:
        """What the database has."""
        name = "number" if "number" in self.columns() else "key"
        return set(self.server.sql("till", f"SELECT {name} FROM sales"))

    def work_done(self) -> set[str]:
        """What the worker was told is there."""
        return set(self.worked.read_text().split())

    def version(self, host: str) -> str:
        """What answers at a front door; waits for it as visitors do."""
        status, said = _ask(self.doors[host], "GET", "/version")
        return said.removeprefix("ok ").strip() if status == 200 else f"{status} {said}"


class Visitors:
    """Some who buy one thing after the other at all doors. `failed` is what they were told instead.

    `longest_seconds` is how long one of them waited for an answer at most.
    """

    def __init__(self, till: Till, count: int = 4) -> None:
        self._doors = list(till.doors.values())
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._buy, args=(number,)) for number in range(count)]
        self.acknowledged: set[str] = set()
        self.failed: list[str] = []
        self.longest_seconds = 0.0

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _buy(self, number: int) -> None:
        for count in itertools.count():
            if self._over.is_set():
                return
            key = f"visitor-{number}-{count}"
            door, began = self._doors[(number + count) % len(self._doors)], time.monotonic()
            try:
                status, said = _ask(door, "POST", f"/{key}")
            except OSError as error:
                status, said = 0, repr(error)
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
            if status == 200:
                self.acknowledged.add(key)
            else:
                self.failed.append(f"{key} at {door}: {status} {said[:300]}")


def _ask(door: str, method: str, page: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(door, timeout=150)
    try:
        connection.request(method, page)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def tag_version(repository: Repository, tag: str, behaviour: Mapping[str, object], sale: str) -> None:
    repository.write("VERSION", f"{tag}\n")
    repository.write("behaviour.json", json.dumps(behaviour))
    repository.write("sale.sql", sale)
    repository.commit(f"Version {tag}", tag)

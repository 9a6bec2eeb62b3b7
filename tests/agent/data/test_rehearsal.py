"""An earlier release tried with a copy of the data: yes or no, beside what serves, and nothing of it stays."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from shipway_agent.data.declared import Declared, declared
from shipway_agent.data.rehearsal import rehearse
from shipway_agent.errors import AgentError
from shipway_agent.root import Root
from tests.agent.data.kept import Kept
from tests.databases import Server, postgres_is_there

APP = """
import http.server, os, sqlite3

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            with sqlite3.connect("var/db.sqlite3") as database:
                database.execute("INSERT INTO items (name) VALUES ('of a rehearsal')")
            self.send_response(200)
        except sqlite3.Error:
            self.send_response(500)
        self.end_headers()

    def log_message(self, *args):
        pass

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
"""


@pytest.fixture
def home(home: Kept) -> Kept:
    """Generation 1 has a release that writes to a database; generation 2 serves."""
    release = home.path / "releases" / f"{1:064x}"
    release.mkdir(parents=True)
    (release / "app.py").write_text(APP)
    (release / "var").symlink_to("../../shared/var")
    (home.path / "shared/var").mkdir(parents=True)
    with closing(live(home)) as database:
        database.execute("CREATE TABLE items (name text)")
        database.commit()
    generation(home.root, 1)
    generation(home.root, 2)
    home.root.link("current", "generations/000002")
    return home


def test_yes_when_it_is_healthy_with_a_copy_and_nothing_of_it_stays(home: Kept) -> None:
    said = rehearse(home.context(), 1, {"main": ""})
    assert said["healthy"], said
    assert said["points"] == home.names(data(home))
    with closing(live(home)) as database:
        assert database.execute("SELECT count(*) FROM items").fetchone() == (0,), "what it wrote, it wrote to the copy"
    assert [path.name for path in (home.path / "check").iterdir()] == ["lock"]


def test_no_with_what_it_said_where_it_cannot_live_with_the_schema(home: Kept) -> None:
    with closing(live(home)) as database:
        database.execute("ALTER TABLE items RENAME COLUMN name TO number")
        database.commit()
    said = rehearse(home.context(), 1, {"main": ""})
    assert not said["healthy"]
    assert "500" in said["why"]
    assert [path.name for path in (home.path / "check").iterdir()] == ["lock"]


def test_no_where_it_does_not_even_start(home: Kept) -> None:
    (home.path / "releases" / f"{1:064x}" / "app.py").write_text("import sys; sys.exit('no such module')")
    said = rehearse(home.context(), 1, {"main": ""})
    assert (said["healthy"], said["why"]) == (False, "it ended with 1")
    assert "no such module" in said["lines"]


def test_with_a_point_of_then_it_finds_the_data_of_then(home: Kept) -> None:
    point = home.take(data(home))["point"]
    with closing(live(home)) as database:
        database.execute("DROP TABLE items")
        database.commit()
    assert rehearse(home.context(), 1, {"main": str(point)})["healthy"]


def test_no_variable_leads_to_a_database_that_was_not_copied(home: Kept) -> None:
    """Generation 2 serves, and what 1 calls otherwise is live as well."""
    (home.path / "releases" / f"{1:064x}" / "app.py").write_text("import os, sys; sys.exit(' '.join(sorted(os.environ)))")
    urls = dict.fromkeys(("STOCK_URL", "STOCK_ADMIN", "OLD_URL"), "postgres://127.0.0.1/stock")
    for number, row in ((1, {"url": "OLD_URL"}), (2, {"url": "STOCK_URL", "admin_url": "STOCK_ADMIN"})):
        change(home, number, {"name": "stock", "driver": "postgres", "host": "b", "keep": 5, "timeout_seconds": 60.0, **row}, urls)
    (found,) = rehearse(home.context(), 1, {"main": ""})["lines"]
    assert "PORT" in found
    assert not set(urls) & set(found.split())


def test_a_file_is_found_where_the_release_has_it(home: Kept) -> None:
    (home.path / "shared/var/db.sqlite3").rename(home.path / "shared/var/moved.sqlite3")
    place = home.path / "generations/000002/generation.json"
    place.write_text(place.read_text().replace("var/db.sqlite3", "var/moved.sqlite3"))
    assert rehearse(home.context(), 1, {"main": ""})["healthy"]


@pytest.mark.slow
@pytest.mark.skipif(postgres_is_there() is not None, reason=str(postgres_is_there()))
def test_the_copy_is_found_by_the_name_that_the_release_has_for_it(home: Kept) -> None:
    (home.path / "releases" / f"{1:064x}" / "app.py").write_text("import os, sys; sys.exit(os.environ['OLD_URL'])")
    with Server() as server:
        server.database("shop", "CREATE TABLE items (id int)")
        for number, name in ((1, "OLD_URL"), (2, "DATABASE_URL")):
            row = {"name": "shop", "driver": "postgres", "host": "a", "keep": 5, "timeout_seconds": 60.0, "url": name}
            change(home, number, row, {name: server.url("shop")})
        (found,) = rehearse(home.context(), 1, {"shop": ""})["lines"]
        assert server.databases() == {"postgres", "shop"}
    assert "/shop_check_shop" in found


def test_what_listens_nowhere_cannot_be_asked(home: Kept) -> None:
    place = home.path / "generations/000001/generation.json"
    document = json.loads(place.read_text())
    place.write_text(json.dumps({**document, "processes": []}))
    with pytest.raises(AgentError) as refused:
        rehearse(home.context(), 1, {"main": ""})
    assert refused.value.code == "no-listener"


def live(home: Kept) -> sqlite3.Connection:
    return sqlite3.connect(home.path / "shared/var/db.sqlite3", timeout=30)


def data(home: Kept) -> Declared:
    return declared(home.root, "main")


def change(home: Kept, number: int, row: dict[str, object], env: dict[str, str]) -> None:
    """A generation that says this of other data, too."""
    place = home.path / f"generations/{number:06d}"
    document = json.loads((place / "generation.json").read_text())
    (place / "generation.json").write_text(json.dumps({**document, "data": [*document["data"], row]}))
    (place / "env.json").write_text(json.dumps({"common": env, "task": {}, "process": {}}))


def generation(root: Root, number: int) -> None:
    web = {
        "name": "web",
        "run": [sys.executable, "app.py"],
        "listens": "port",
        "instances": 1,
        "directory": ".",
        "health": {"page": {"path": "/", "status": [200], "timeout_seconds": 5.0}, "within_seconds": 6.0},
    }
    document = {
        "number": number,
        "release": f"{1:064x}",
        "version": f"v{number}",
        "environment": "production",
        "shared": ["var"],
        "data": [{"name": "main", "driver": "sqlite", "host": "a", "path": "var/db.sqlite3", "keep": 5, "timeout_seconds": 60.0}],
        "processes": [web],
    }
    place = Path(root.path) / f"generations/{number:06d}"
    place.mkdir(parents=True)
    (place / "generation.json").write_text(json.dumps(document))
    (place / "env.json").write_text(json.dumps({"common": {}, "task": {}, "process": {}}))

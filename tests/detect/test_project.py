"""The order in which kinds are asked, what is said instead of being recognised, and that nothing anybody committed breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.config.resolve import resolve
from shipway.config.template import template
from shipway.detect.project import KINDS, detect
from shipway.detect.tree import LARGEST_BYTES, Tree
from shipway.model.intent import Environment, Host
from tests.detect import SOURCES, tree_of, tree_with

HERE = Environment("local", (Host("local", "local", root="~/x", listen="127.0.0.1:8080"),))
PAGE = (Path(__file__).parents[2] / "docs/init.md").read_text(encoding="utf-8")


def test_the_page_has_the_table() -> None:
    rows = [f"| {kind.name} | {kind.known_by} |" for kind in KINDS]
    assert "\n".join(rows) in PAGE


def test_the_first_kind_counts() -> None:
    several = tree_of(SOURCES / "several")
    names = [kind.name for kind in KINDS if kind.recognise(several) is not None]
    assert len(names) == 4, "so that there is an order to be kept"
    found = detect(several, "several")
    assert found is not None and found.kind == "Flask" and names[0].startswith("Flask")


def test_nothing_is_recognised_in_nothing() -> None:
    assert detect(tree_with(readme_md="# hello"), "x") is None
    assert detect(tree_with(), "x") is None


def test_what_is_typed_comes_first() -> None:
    found = detect(tree_of(SOURCES / "flask-poetry"), "x", run="./mine $PORT", health="/alive")
    assert found is not None
    (web,) = found.shipment.processes
    assert (web.run, web.health and web.health.page.path, web.health and web.health.page.status) == ("./mine $PORT", "/alive", (200,))
    said = [one.what for one in found.assumptions if one.about == "process.web"]
    assert said == ["web runs `./mine $PORT`", "it is healthy when /alive answers 200"]


@pytest.mark.parametrize(
    ("typed", "name"),
    [("My Shop", "my-shop"), ("--", "app"), ("Ünïcode", "n-code"), ("a" * 90, "a" * 40), ("@acme/web_app", "acme-web-app")],
)
def test_the_name_is_one_that_shipway_toml_takes(typed: str, name: str) -> None:
    found = detect(tree_with(index_html="x"), typed)
    assert found is not None and found.shipment.app == name


def test_of_several_applications_the_likeliest_is_served() -> None:
    app = "from flask import Flask\napp = Flask(__name__)\n"
    found = detect(tree_with(tools__admin_py=app, main_py=app, tests__app_py=app, examples__app_py=app), "x")
    assert found is not None and "main:app" in str(found.shipment.processes[0].run)


def test_variables_that_must_be_there_are_named() -> None:
    app = """import os
from flask import Flask
key = os.environ["SECRET_KEY"]  # not os.environ["COMMENT"]
os.environ["SET_HERE"] = "1"
level = os.environ.get("LEVEL")
mail, more = env("MAIL_URL"), config("DEBUG", default=False)
port = os.environ["PORT"]
app = Flask(__name__)
"""
    found = detect(tree_with(app_py=app), "x")
    assert found is not None
    asked = {(one.what, one.place) for one in found.assumptions if one.doubt}
    assert asked == {("SECRET_KEY must be in the environment", "app.py:3"), ("MAIL_URL must be in the environment", "app.py:6")}


def test_an_application_behind_the_main_guard_is_none() -> None:
    app = 'from flask import Flask\nif __name__ == "__main__":\n    app = Flask(__name__)\n'
    assert detect(tree_with(app_py=app), "x") is None


NAMES = (
    *("Procfile", "manage.py", "app.py", "requirements.txt", "pyproject.toml", "uv.lock", "poetry.lock", "Pipfile", "Pipfile.lock"),
    *("setup.py", "setup.cfg", "package.json", "server.js", "tsconfig.json", "Gemfile", "config.ru", "config/application.rb"),
    *("config/routes.rb", "Dockerfile", "index.html", "hugo.toml", "shop/settings.py", "requirements/base.txt"),
)
SCRAPS = st.sampled_from(
    [
        *("web: gunicorn app:app", "release: true", ":", "[project]", "dependencies = [1, {}]", "[tool]\npoetry = 3", '{"scripts": []}'),
        *(
            '{"scripts": {"start": "node server.js"}, "dependencies": []}',
            "[1]",
            "django.core.management",
            "DJANGO_SETTINGS_MODULE', '...'",
        ),
        *(
            "from flask import Flask\napp = Flask(__name__)",
            "def application(environ, start_response): pass",
            "app = make_app()",
            "(" * 300,
        ),
        *(
            "FROM x",
            'CMD ["a", 1]',
            "CMD [",
            "EXPOSE http",
            "ENV a b=c",
            "ENV RELEASE=1 SHIPWAY_X=2 'b c'=d",
            "A_B: x",
            "a-b: $PORT",
            "worker: ${PORT}",
            "ENV 'x",
            "RUN a \\",
            "-r base.txt",
            "-r ../../etc",
            "gem 'rails'",
        ),
        *("STATIC_ROOT = BASE_DIR / 'x'", "sqlite3 'NAME': BASE_DIR / 'a.db'", "[options]\ninstall_requires = x", "\0", "\udc80"),
    ]
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.lists(SCRAPS, max_size=4).map("\n".join), max_size=6))
def test_whatever_is_committed_what_is_written_loads(files: dict[str, str]) -> None:
    contents = {name: text.encode("utf-8", "surrogateescape") for name, text in files.items()}
    found = detect(Tree(contents, lambda wanted: {path: contents[path] for path in wanted}), "x")
    if found is not None:
        text = template(found.shipment, HERE, found.kind, found.assumptions)
        assert resolve(text, text, "local").shipment.processes or found.shipment.static


def test_what_is_too_long_to_be_read_is_not_looked_at() -> None:
    assert detect(tree_with(app_py="from flask import Flask\napp = Flask(__name__)\n" + "#" * LARGEST_BYTES), "x") is None

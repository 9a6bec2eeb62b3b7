"""Each tree of tests/detect/sources is a kind of project; beside it lies the shipway.toml that `init` writes for it, and that loads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shipway.config.resolve import resolve
from shipway.config.template import template
from shipway.detect.project import detect
from shipway.model.found import Found
from shipway.model.intent import Environment, Host
from tests.detect import SOURCES, tree_of

TREES = sorted(path for path in SOURCES.iterdir() if path.is_dir())
HERE = Environment("local", (Host("local", "local", root="~/.shipway/apps/x", listen="127.0.0.1:8080"),))


def found(name: str) -> Found:
    made = detect(tree_of(SOURCES / name), name)
    assert made is not None
    return made


@pytest.mark.parametrize("tree", TREES, ids=lambda path: path.name)
def test_the_file_is_the_one_that_was_reviewed_and_says_what_was_found(tree: Path) -> None:
    made = found(tree.name)
    text = template(made.shipment, HERE, made.kind, made.assumptions)
    expected = tree.with_suffix(".toml")
    if os.environ.get("UPDATE"):
        expected.write_text(text)
    assert text == expected.read_text(), f"{tree.name}: UPDATE=1 writes the new file; review it as a diff"
    read = resolve(text, text, "local").shipment
    assert read.tasks == made.shipment.tasks
    assert [one.run for one in read.processes] == [one.run for one in made.shipment.processes]
    assert (read.build, read.static, read.shared, dict(read.env)) == (
        made.shipment.build,
        made.shipment.static,
        made.shipment.shared,
        dict(made.shipment.env),
    )


KINDS = {
    # tree: kind, name, what runs, the tasks, what the proxy serves by itself
    "django": ("Django", "django", ["web"], ["install", "collectstatic", "migrate"], None),
    "django-below": ("Django", "django-below", ["web"], ["install", "collectstatic", "migrate"], "served"),
    "django-new": ("Django", "my-blog", ["web"], ["install"], None),
    "flask": ("Flask", "flaskr", ["web"], ["install"], None),
    "flask-poetry": ("Flask", "notes", ["web"], ["install"], None),
    "fastapi": ("FastAPI", "fastapi", ["web"], ["install"], None),
    "wsgi": ("WSGI", "wsgi", ["web"], ["install"], None),
    "aiohttp": ("aiohttp", "aiohttp", ["web"], ["install"], None),
    "procfile-python": ("Django", "procfile-python", ["web", "clock-work"], ["install", "release"], None),
    "procfile-alone": ("a Procfile", "procfile-alone", ["web", "admin", "worker"], [], None),
    "node": ("Node", "acme-shop-front", ["web"], [], None),
    "node-plain": ("Node", "plain", ["web"], [], None),
    "node-pnpm": ("Node", "node-pnpm", ["web"], [], None),
    "node-tools": ("Node", "tools", ["web"], [], None),
    "node-site": ("a static site by vite", "pages", [], [], "dist"),
    "rails": ("Rails", "rails", ["web"], ["install", "assets", "migrate"], "public"),
    "rack": ("Rack", "rack", ["web"], ["install"], None),
    "dockerfile": ("a Dockerfile", "dockerfile", ["web"], [], None),
    "static-top": ("a static site", "static-top", [], [], "served"),
    "static-public": ("a static site", "static-public", [], [], "public"),
    "hugo": ("a site by Hugo", "hugo", [], [], "public"),
    "several": ("Flask", "several", ["web"], ["install"], None),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_it_is(name: str) -> None:
    made = found(name)
    shipment = made.shipment
    said = (made.kind, shipment.app, [one.name for one in shipment.processes], [one.name for one in shipment.tasks], shipment.static)
    assert said == KINDS[name]


def test_every_tree_is_in_the_table() -> None:
    assert {path.name for path in TREES} == set(KINDS)


@pytest.mark.parametrize("tree", TREES, ids=lambda path: path.name)
def test_every_line_that_an_assumption_names_is_there(tree: Path) -> None:
    for one in found(tree.name).assumptions:
        assert not one.file or (tree / one.file).exists(), one
        assert not one.line or len((tree / one.file).read_text().splitlines()) >= one.line, one
        assert one.what and one.why

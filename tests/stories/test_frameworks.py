"""A Django project that is deployed with the migrations of its packages: added to while it serves, undone where one fails."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.data.shop import MODELS, NAMED, NOTE, PROJECT, SETTINGS, migration
from tests.apps import Repository, installed, lacking
from tests.databases import Server, postgres_is_there
from tests.stories.project import Project, local
from tests.stories.shop import QUICK

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(postgres_is_there() or lacking()), reason=str(postgres_is_there() or lacking()))]

SHIPWAY = """
app = "shop"

[process.web]
run = "{python} serve.py"
health = {{ path = "/", within_seconds = 40 }}

[migrations]
adapter = "django"
run = "{python} manage.py"

{environment}
[environment.local.env]
DATABASE_URL = "{url}"
MORE_APPS = "django.contrib.auth"

[data.main]
driver = "postgres"
"""

SERVE = """
import os
from wsgiref.simple_server import make_server

os.environ["DJANGO_SETTINGS_MODULE"] = "site1.settings"
from django.core.wsgi import get_wsgi_application

make_server("127.0.0.1", int(os.environ["PORT"]), get_wsgi_application()).serve_forever()
"""

URLS = """
from django.http import HttpResponse
from django.urls import path
from shop.models import Order


def front(request):
    Order.objects.create()
    return HttpResponse(f"an order has {sorted(field.name for field in Order._meta.fields)}")


urlpatterns = [path("", front)]
"""

FIRST_MODELS = MODELS.replace('    note = models.TextField(default="")\n', "")
NULLABLE = 'TextField(default="")', "TextField(null=True)"
BROKEN = migration("0003_named", 'migrations.AddField("order", "sold", models.TextField(null=True)), migrations.RunSQL("nonsense", "")')


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as made:
        made.database("shop")
        yield made


class Orders:
    """The project in a repository, v1 to v3, and its front door: each visit is an order."""

    def __init__(self, place: Path, server: Server) -> None:
        environment, doors = local(place, more=QUICK)
        self.door = doors["a"]
        repository = Repository(place / "project")
        python = installed("frameworks") / "venv/bin/python"
        settings = SETTINGS + '\nROOT_URLCONF = "site1.urls"\nALLOWED_HOSTS = ["*"]\n'
        files = {**PROJECT, "site1/settings.py": settings, "site1/urls.py": URLS, "serve.py": SERVE, "shop/models.py": FIRST_MODELS}
        files["shipway.toml"] = SHIPWAY.format(python=python, environment=environment, url=server.url("shop"))
        for path, text in files.items():
            repository.write(path, text)
        repository.commit("Orders", "v1")
        repository.write("shop/models.py", MODELS.replace(*NULLABLE))
        repository.write("shop/migrations/0002_note.py", NOTE.replace(*NULLABLE))
        repository.write("shop/migrations/0003_named.py", NAMED)
        repository.commit("Orders have a note", "v2")
        repository.write("shop/migrations/0004_broken.py", BROKEN)
        repository.commit("Orders are sold", "v3")
        self.project = Project(repository, "local")

    def visit(self) -> str:
        connection = http.client.HTTPConnection(self.door, timeout=10)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def orders(common_place: Path, server: Server) -> Iterator[Orders]:
    made = Orders(common_place, server)
    yield made
    made.project.run("remove", "local", "--yes")


def test_a_first_deployment_applies_those_of_its_packages_too(orders: Orders, server: Server) -> None:
    said = orders.project.deploy("v1")
    assert {"shop.0001_initial", "auth.0001_initial", "taggit.0001_initial"} <= set(said.out.replace(",", " ").split())
    assert server.sql("shop", "SELECT count(*) FROM auth_permission WHERE codename = 'add_order'") == ["1"]
    assert orders.visit() == "an order has ['id', 'product']"


def test_what_is_added_while_the_old_release_serves_is_there_when_the_new_one_does(orders: Orders) -> None:
    said = orders.project.deploy("v2")
    assert "note: migrated main: shop.0002_note, shop.0003_named" in said.out
    assert "filled one" in said.out, "what a migration prints is shown"
    assert orders.visit() == "an order has ['id', 'note', 'product']"


def test_a_migration_that_fails_undoes_the_deployment_and_changes_nothing(orders: Orders, server: Server) -> None:
    said = orders.project.deploy("v3", code=1)
    assert "shop.0004_broken failed, and changed nothing" in said.out + said.err
    assert orders.visit() == "an order has ['id', 'note', 'product']"
    assert server.sql("shop", "SELECT name FROM django_migrations WHERE app = 'shop' ORDER BY id DESC LIMIT 1") == ["0003_named"]

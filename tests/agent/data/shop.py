"""Nothing in; out, a Django project and an Alembic one as files by path, and how they find their database."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.agent.data.either import Either
from tests.agent.data.kept import Kept
from tests.agent.data.migrating import Migrating
from tests.apps import installed
from tests.databases import Server

SETTINGS = """
import os
from urllib.parse import parse_qs, urlsplit

SECRET_KEY = "x"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["shop.apps.Shop", "django.contrib.contenttypes", *os.environ.get("MORE_APPS", "").split(), "taggit"]
url = urlsplit(os.environ.get("DATABASE_URL", ""))
if url.scheme:
    where = parse_qs(url.query)
    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:], "USER": url.username,
                             "HOST": where["host"][0], "PORT": where["port"][0]}}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE_FILE"]}}
if "ALIAS" in os.environ:
    DATABASES[os.environ["ALIAS"]] = DATABASES["default"]
    DATABASES["default"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
if "STARTS" in os.environ:
    with open(os.environ["STARTS"], "a") as file:
        file.write("started\\n")
print('{"ok": "a project may print anything"}')
"""

MANAGE = """
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")
from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""

MODELS = """
from django.db import models
from taggit.managers import TaggableManager


class Product(models.Model):
    name = models.CharField(max_length=50)
    tags = TaggableManager()


class Order(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+", null=True)
    note = models.TextField(default="")
"""

APPS = """
from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class Shop(AppConfig):
    name = "shop"

    def ready(self):
        from shop.pause import pause

        pre_migrate.connect(lambda plan, **more: [pause("before", one.name) for one, _ in plan], sender=self, weak=False)
        post_migrate.connect(lambda plan, **more: pause("behind", "all"), sender=self, weak=False)
"""

PAUSE = """
import os
import time


def pause(where, name):
    folder = os.environ.get("PAUSE")
    if folder is None or not os.path.exists(f"{folder}/{where} {name}"):
        return
    os.rename(f"{folder}/{where} {name}", f"{folder}/was {where} {name}")
    with open(f"{folder}/reached.new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(f"{folder}/reached.new", f"{folder}/reached")
    while not os.path.exists(f"{folder}/go"):
        time.sleep(0.01)


def within(name):
    def run(apps, editor):
        from django.db import transaction

        apps.get_model("shop", "Product").objects.create(name=name)
        transaction.on_commit(lambda: pause("after", name), using=editor.connection.alias)
        pause("within", name)

    return run
"""

INITIAL = """
from django.db import migrations, models
import django.db.models.deletion
import taggit.managers


class Migration(migrations.Migration):
    initial = True
    dependencies = [("taggit", "0005_auto_20220424_2025")]
    operations = [
        migrations.CreateModel("Product", [
            ("id", models.BigAutoField(primary_key=True, serialize=False, auto_created=True, verbose_name="ID")),
            ("name", models.CharField(max_length=50)),
            ("tags", taggit.managers.TaggableManager(through="taggit.TaggedItem", to="taggit.Tag")),
        ]),
        migrations.CreateModel("Order", [
            ("id", models.BigAutoField(primary_key=True, serialize=False, auto_created=True, verbose_name="ID")),
            ("product", models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", null=True, to="shop.product")),
        ]),
    ]
"""


def migration(after: str, operations: str, *, before: str = "", body: str = "") -> str:
    """The text of one of `shop`; `before` stands in front of the class, `body` in it."""
    return f"""
from django.db import migrations, models
import django.db.models.deletion

{before}


class Migration(migrations.Migration):
    dependencies = [("shop", "{after}")]
    {body}
    operations = [{operations}]
"""


NOTE = migration("0001_initial", 'migrations.AddField("order", "note", models.TextField(default=""))')
NAMED = migration(
    "0002_note",
    "migrations.RunPython(fill, migrations.RunPython.noop)",
    before='def fill(apps, editor):\n    apps.get_model("shop", "Product").objects.create(name="x")\n    print("filled one")\n',
)


def paused(name: str, after: str, **more: str) -> tuple[str, str]:
    """One that adds a column and a row of its own name, and can be stopped before, within and after that."""
    column = f'migrations.AddField("order", "{name}", models.TextField(default=""))'
    return name, migration(
        after,
        f'{column}, migrations.RunPython(within("{name}"), migrations.RunPython.noop)',
        before="from shop.pause import within",
        **more,
    )


PROJECT: dict[str, str] = {
    "manage.py": MANAGE,
    "site1/__init__.py": "",
    "site1/settings.py": SETTINGS,
    "shop/__init__.py": "",
    "shop/apps.py": APPS,
    "shop/pause.py": PAUSE,
    "shop/models.py": MODELS,
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": INITIAL,
}


def shop(*migrations: tuple[str, str], **more: str) -> dict[str, str]:
    """The project with these migrations of `shop` behind its first."""
    return {**PROJECT, **{f"shop/migrations/{name}.py": text for name, text in migrations}, **more}


ALEMBIC = """
[alembic]
script_location = %(here)s/db
"""

ENV = """
import os
from alembic import context
from sqlalchemy import create_engine

if "STARTS" in os.environ:
    with open(os.environ["STARTS"], "a") as file:
        file.write("started\\n")
url = os.environ.get("DATABASE_URL", "").replace("postgres://", "postgresql+psycopg://")
engine = create_engine(url or "sqlite:///" + os.environ["DATABASE_FILE"])
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def revision(name: str, below: object, upgrade: str, downgrade: str = "pass", *, needs: object = None, said: str = "") -> tuple[str, str]:
    """The path and the text of one."""
    text = f"""
from alembic import op
import sqlalchemy as sa

{said}
revision: str = {name!r}
down_revision = {below!r}
depends_on = {needs!r}


def upgrade() -> None:
    {upgrade}


def downgrade() -> None:
    {downgrade}
"""
    return f"db/versions/{name}_.py", text


def tables(*revisions: tuple[str, str], **more: str) -> dict[str, str]:
    """An application whose tables are changed by these revisions of Alembic."""
    return {"alembic.ini": ALEMBIC, "db/env.py": ENV, "db/script.py.mako": "", **dict(revisions), **more}


class Case(Either):
    """A project beside its database of either kind, and how to change that beside Shipway."""

    def __init__(self, home: Kept, server: Server, kind: str, name: str, packages: str, **more: str) -> None:
        super().__init__(home, server, kind, name)
        self.python = installed(packages) / "venv/bin/python"
        self.starts = home.path / "starts"
        self.pauses = home.path / "pauses"
        self.pauses.mkdir()
        self.given = {**more, "STARTS": str(self.starts), "PAUSE": str(self.pauses)}
        self.app = Migrating(home, self.row, {**self.env, **self.given})

    def django(self, number: int, files: Mapping[str, str], **declared: object) -> int:
        """A generation of a Django project."""
        return self.app.generation(number, files, adapter="django", path="", run=f"{self.python} manage.py", **declared)

    def alembic(self, number: int, files: Mapping[str, str], **declared: object) -> int:
        """A generation of an application that has Alembic."""
        return self.app.generation(number, files, adapter="alembic", path="", run=f"{self.python.parent}/alembic", **declared)

    def manage(self, number: int, *words: str, env: Mapping[str, str] | None = None) -> str:
        """By hand, with the code of a generation."""
        return self.hand(number, [str(self.python), "manage.py", *words], env)

    def hand(self, number: int, argv: list[str], env: Mapping[str, str] | None = None) -> str:
        """Somebody's own command in the release of a generation."""
        ended = subprocess.run(
            argv,
            cwd=self.release(number),
            env={**self.env, **self.given, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return ended.stdout

    def stop_at(self, where: str, name: str) -> None:
        """Have the project wait there once, when it comes by."""
        (self.pauses / f"{where} {name}").touch()

    def reached(self) -> int:
        """The process that waits there."""
        until = time.monotonic() + 60
        while not (self.pauses / "reached").exists():
            assert time.monotonic() < until, "it did not come by"
            time.sleep(0.01)
        return int((self.pauses / "reached").read_text())

    def go_on(self) -> None:
        (self.pauses / "go").touch()

    def release(self, number: int) -> Path:
        return self.home.path / "releases" / f"{number:064x}"

    def another(self, name: str) -> Case:
        """The same kind, empty."""
        made = object.__new__(Case)
        made.__dict__.update(self.__dict__)
        if self.kind == "postgres":
            made.name = f"{self.name}_{name}"
            made.env = {"DATABASE_URL": self.server.database(made.name)}
        else:
            made.file = self.home.path / f"shared/var/{name}.sqlite3"
            made.env = {"DATABASE_FILE": str(made.file)}
        return made

    def schema(self) -> list[str]:
        """Every word of it."""
        if self.kind != "postgres":
            return self.sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        argv = ["pg_dump", "-s", "-h", str(self.server.place), "-p", str(self.server.port), "-U", "postgres", self.name]
        text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict", "--"))]

    def started(self) -> int:
        """How often a Python of the project was started for Shipway."""
        return len(self.starts.read_text().splitlines()) if self.starts.exists() else 0

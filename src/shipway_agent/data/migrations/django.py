"""A release's Django project in; out, its migrations with those of its packages, each applied or taken back in the project's own Python.

One process of it answers everything that is asked under one lock (django_inside.py is what it runs). The database itself is asked what is
applied. The database is the one of the settings that [data] declares, whatever alias it has there.
"""

from __future__ import annotations

import os
import shlex
import zipfile
from typing import Any, List, Optional, Tuple

from shipway_agent.data.migrations import notes
from shipway_agent.data.migrations.database import PostgresDatabase, opened
from shipway_agent.data.migrations.declared import Migrations, runner_of
from shipway_agent.data.migrations.django_inside import IDENTITY
from shipway_agent.data.migrations.inside import Inside
from shipway_agent.data.migrations.migration import Migration, Say, phase_of, said
from shipway_agent.data.programs import Work
from shipway_agent.errors import AgentError
from shipway_agent.itself import own_file
from shipway_agent.primitives import Context

TABLE = "django_migrations"
RUN = "python manage.py"
ASKED = "SELECT json_build_array(one, two) FROM ({identity}) AS identity (one, two);"
PROGRAM = ("shipway_agent/data/migrations/django_told.py", "shipway_agent/data/migrations/django_inside.py")


class Django:
    """`run` of [migrations] is what runs management commands. Nothing is written into the release."""

    def __init__(self, context: Context, declared: Migrations, work: Work, keep: Tuple[int, ...]) -> None:
        self._context = context
        self._declared = declared
        self._work = work
        self._keep = keep
        self._inside: Optional[Inside] = None

    def applied(self) -> List[str]:
        """Asked also behind one that was ended for its time or its lock: so neither bounds the question."""
        with opened(self._context.root, self._declared.data, self._work.to_its_end()) as database:
            rows = database.rows(TABLE, ["app", "name"], "id")
        return list(dict.fromkeys(f"{app}.{name}" for app, name in rows))

    def known(self) -> List[Migration]:
        found = self._ask("known", say=_nobody)
        if found["rows"] and not self.applied():
            message = f"Django sees its table {TABLE}, and the user of data {self._declared.data.name} does not: "
            raise AgentError("migration-failed", f"{message}give both the same search_path (ALTER ROLE … SET search_path)")
        return [_migration(one) for one in found["known"]]

    def apply(self, migration: Migration, say: Say) -> None:
        notes.owe(self._context.root, self._declared.data.name)
        self._ask("apply", migration.name, say=say)

    def reverse(self, name: str, say: Say) -> None:
        notes.owe(self._context.root, self._declared.data.name)
        self._ask("reverse", name, say=say)

    def mark(self, name: str, applied: bool) -> None:
        self._ask("mark", name, applied, say=_nobody)

    def changed(self) -> List[str]:
        return []

    def finish(self, say: Say) -> None:
        """Content types, permissions and whatever else hangs on Django's signal behind migrations: also of a run that was killed."""
        if not notes.owed(self._context.root, self._declared.data.name):
            return
        try:
            self._ask("finish", say=say)
        except AgentError as error:
            message = (
                f"what the project does behind migrations (post_migrate) failed, and they stay: {error.message}; the next run does it again"
            )
            raise AgentError("migration-failed", message, error.lines) from None
        notes.paid(self._context.root, self._declared.data.name)

    def close(self) -> None:
        inside, self._inside = self._inside, None
        if inside is not None:
            inside.end()

    def _ask(self, what: str, *words: Any, say: Say) -> Any:
        if self._inside is None:
            self._identity = self._identify()
            self._inside = Inside(runner_of(self._context, self._declared), self._command, self._work.moot, self._keep)
        request = {"do": what, "with": words, "identity": self._identity}
        try:
            answer, lines = self._inside.ask(request, min(self._declared.timeout_seconds, self._work.left()), say)
        except BaseException:
            self.close()  # before anybody asks the database how it ended
            raise
        if "wrong" in answer:
            code = "migration-irreversible" if answer["irreversible"] else "migration-failed"
            raise AgentError(code, str(answer["wrong"]), lines, untouched=bool(answer["untouched"]))
        return answer["ok"]

    def _command(self, place: str) -> Any:
        words = ["shell", "--verbosity", "0", "-c", "".join([*(f"exec({_text(path)!r})\n" for path in PROGRAM), f"serve({place!r})\n"])]
        run = self._declared.run or RUN
        return f"{run} {' '.join(map(shlex.quote, words))}" if isinstance(run, str) else [*run, *words]

    def _identify(self) -> List[str]:
        with opened(self._context.root, self._declared.data, self._work) as database:
            if isinstance(database, PostgresDatabase):
                asked = database.session.one(ASKED.format(identity=IDENTITY))
                return [str(value) for value in asked]
        return [os.path.realpath(self._context.root.full(f"shared/{self._declared.data.path}")), ""]


def _migration(one: Any) -> Migration:
    return Migration(
        str(one["name"]),
        phase_of(said(one["said"], str(one["name"]))),
        irreversible=one["irreversible"],
        destructive=one.get("destructive", []),
        tables=one.get("tables", []),
        locks=one.get("locks", []),
        atomic=bool(one["atomic"]),
        after=one["after"],
    )


def _text(module: str) -> str:
    """Of one of our own modules, out of the agent's own file where it runs from that."""
    path = own_file()
    if path is None:
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.path.basename(module)), encoding="utf-8") as file:
            return file.read()
    with zipfile.ZipFile(path) as agent:
        return agent.read(module).decode()


def _nobody(line: str) -> None:
    """What a project prints while it is only asked is for nobody, unless it fails."""

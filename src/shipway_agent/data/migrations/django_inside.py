"""Requests of the agent in, a line of JSON each; out, their answers, found and done by a Django application in its own Python.

Its text is run by `manage.py shell -c`, behind that of django_told.py: so it imports nothing of ours, and nothing that the oldest Python
of a Django in use lacks.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple

if TYPE_CHECKING:
    from shipway_agent.data.migrations.django_told import Told, irreversible, said_in, unique

Key = Tuple[str, str]

IDENTITY = "SELECT current_database(), (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text"
"""Which database of which server it is, whatever either is called: the agent asks the same."""

ALONE = {
    "postgresql": "LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE",
    "sqlite": "UPDATE {table} SET id = id WHERE id < 0",
}
"""The first statement of a transaction: whoever migrates by hand meanwhile has written that he did, or waits until we have."""


class Wrong(Exception):
    """What is asked cannot be done; nothing was changed."""


def serve(place: str) -> None:
    """Answer until nobody asks any more. Answers go to the file `place`; what anybody prints is for people."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    answers = os.fdopen(os.open(place, os.O_WRONLY), "w", encoding="utf-8")
    import_module("django.utils.translation").deactivate_all()  # as `migrate` does: permissions have names
    project: Optional[Project] = None
    for line in requests:
        asked = json.loads(line)
        try:
            if project is None:
                project = Project(asked["identity"])
            answer: Dict[str, Any] = {"ok": getattr(project, asked["do"])(*asked["with"])}
        except BaseException as error:  # a migration may say sys.exit()
            if not isinstance(error, Wrong):
                show_place(error)
            words = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
            answer = {"wrong": words, "irreversible": type(error).__name__ == "IrreversibleError", "untouched": isinstance(error, Wrong)}
        sys.stdout.flush()
        sys.stderr.flush()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Project:
    """The migrations of all applications that are installed, and the one database that they are asked for."""

    def __init__(self, identity: List[str]) -> None:
        self.connection = connection_to(identity)
        self.alias = self.connection.alias
        self.began = False
        self.plan: List[Tuple[Any, bool]] = []
        self.executor: Any = None
        self.rows: Any = None
        self.state: Any = None

    def known(self) -> Dict[str, Any]:
        """{"rows": what Django sees of its own table, "known": each of the graph, and what a squashed one stands for while rows say so}."""
        executor, found = self.current(), []
        loader = executor.loader
        loader.check_consistent_history(self.connection)
        conflicts = loader.detect_conflicts()
        if conflicts:
            shown = "; ".join(f"{', '.join(names)} in {app}" for app, names in conflicts.items())
            raise Wrong(f"several migrations are the last of their application: {shown}; `manage.py makemigrations --merge` joins them")
        state = import_module("django.db.migrations.state").ProjectState(real_apps=loader.unmigrated_apps)
        told = Told(self.connection, state)
        for migration in self.whole_plan(executor):
            key = (migration.app_label, migration.name)
            for replaced in map(tuple, migration.replaces):
                if replaced in self.rows and replaced not in loader.graph.nodes:
                    found.append(self.replaced(replaced, key))
            words: Dict[str, Any] = {}
            if key not in loader.applied_migrations:
                words = told.of(migration)
            else:
                migration.mutate_state(state, preserve=False)
                if migration.replaces and all(tuple(one) in self.rows for one in migration.replaces):
                    words = {"irreversible": []}  # applied or taken back, it is its row alone
            parents = [f"{parent[0]}.{parent[1]}" for parent in sorted(loader.graph.node_map[key].parents)]
            found.append({**self.about(migration), **words, "after": parents})
        return {"rows": len(self.rows), "known": found}

    def apply(self, name: str) -> None:
        """This one, its row in its transaction. One that is there meanwhile is left alone."""
        self.begin()
        executor = self.current()
        key, loader = key_of(name), executor.loader
        migration = node(loader, key)
        if key in loader.applied_migrations:
            executor.check_replacements()  # those that it stands for are there: only its row is not
            self.left()
            return
        missing = [f"{one[0]}.{one[1]}" for one in sorted(loader.graph.node_map[key].parents) if one not in loader.applied_migrations]
        if missing:
            raise Wrong(f"{name} depends on {', '.join(missing)}, which the database does not have")
        self.signal("pre", apps=self.state.apps, plan=[(migration, False)])
        with self.whole(migration):
            if key in executor.recorder.applied_migrations():
                self.executor = None
                return
            self.state = executor.apply_migration(self.state, migration)
            executor.check_replacements()
        for one in [key, *map(tuple, migration.replaces)]:
            loader.applied_migrations[one] = migration
        self.plan.append((migration, False))
        self.left()

    def reverse(self, name: str) -> None:
        """Take this one back, its row in its transaction. Of a squashed one whose parts stay only the row goes."""
        self.begin()
        self.executor = None
        executor = self.current()
        key, loader = key_of(name), executor.loader
        stands = loader.replacements.get(key)
        if stands is not None and all(tuple(one) in self.rows for one in stands.replaces):
            executor.recorder.record_unapplied(*key)
            self.executor = None
            return
        if key not in loader.graph.nodes and key in loader.disk_migrations:
            loader.replace_migrations = False
            loader.build_graph()
        migration = node(loader, key)
        above = [f"{one[0]}.{one[1]}" for one in sorted(loader.graph.node_map[key].children) if one in loader.applied_migrations]
        if above:
            raise Wrong(f"{', '.join(above)} depends on {name}, and is applied")
        state = executor._create_project_state(with_applied_migrations=True)
        self.signal("pre", apps=state.apps, plan=[(migration, True)])
        with self.whole(migration):
            plan = [(one, False) for one in self.whole_plan(executor)]
            executor._migrate_all_backwards([(migration, True)], plan, fake=False)
        self.plan.append((migration, True))
        self.executor = None

    def mark(self, name: str, applied: bool) -> None:
        """Only the row, and the rows of those that it stands for."""
        executor = self.current()
        executor.recorder.ensure_schema()
        key = key_of(name)
        migration = executor.loader.disk_migrations.get(key)
        rows = executor.recorder.applied_migrations()
        for one in [*(map(tuple, migration.replaces) if migration is not None else ()), key]:
            if applied and one not in rows:
                executor.recorder.record_applied(*one)
            elif not applied:
                executor.recorder.record_unapplied(*one)
        self.executor = None

    def finish(self) -> None:
        """What `migrate` does behind all of them: content types, permissions, and whatever applications do then."""
        self.begin()
        self.executor = None
        state = self.current() and self.state
        state.clear_delayed_apps_cache()
        apps, model_state = state.apps, import_module("django.db.migrations.state").ModelState
        with apps.bulk_update():
            keys = [(one.app_label, one.name_lower) for one in apps.real_models]
            for key in keys:
                apps.unregister_model(*key)
        installed = import_module("django.apps").apps
        apps.render_multiple([model_state.from_model(installed.get_model(*key)) for key in keys])
        self.signal("post", apps=apps, plan=self.plan)

    def begin(self) -> None:
        """Once, what `migrate` does before it looks at anything."""
        if self.began:
            return
        self.began = True
        has = import_module("django.utils.module_loading").module_has_submodule
        for config in import_module("django.apps").apps.get_app_configs():
            if has(config.module, "management"):
                import_module(".management", config.name)
        self.connection.prepare_database()
        self.current().recorder.ensure_schema()

    def current(self) -> Any:
        """An executor that knows what the database has now, with the state that belongs to it."""
        if self.executor is not None and set(self.executor.recorder.applied_migrations()) == self.rows:
            return self.executor
        self.executor = import_module("django.db.migrations.executor").MigrationExecutor(self.connection)
        self.left()
        self.state = self.executor._create_project_state(with_applied_migrations=True)
        return self.executor

    def left(self) -> None:
        """The rows are as we left them; any other are somebody else's."""
        self.rows = set(self.executor.recorder.applied_migrations())

    def whole_plan(self, executor: Any) -> List[Any]:
        """All of the graph in the order in which Django applies them to an empty database."""
        return [one for one, _ in executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)]

    @contextmanager
    def whole(self, migration: Any) -> Iterator[None]:
        """One transaction around the change, what is deferred to its end, and its row: Django itself may leave that row outside."""
        if not self.atomic(migration):
            yield
            return
        connection = self.connection
        if connection.vendor == "sqlite":
            connection.disable_constraint_checking()  # its schema editor wants that, and it cannot be done within
        try:
            with import_module("django.db").transaction.atomic(using=self.alias):
                table = connection.ops.quote_name("django_migrations")
                with connection.cursor() as cursor:
                    cursor.execute(ALONE[connection.vendor].format(table=table))
                yield
        finally:
            if connection.vendor == "sqlite":
                connection.enable_constraint_checking()

    def atomic(self, migration: Any) -> bool:
        return bool(migration.atomic and self.connection.features.can_rollback_ddl)

    def signal(self, which: str, **more: Any) -> None:
        send = getattr(import_module("django.core.management.sql"), f"emit_{which}_migrate_signal")
        send(1, False, self.alias, stdout=sys.stdout, **more)

    def about(self, migration: Any) -> Dict[str, Any]:
        """What its file says, and its operations without the state."""
        return {
            "name": f"{migration.app_label}.{migration.name}",
            "said": said_in(migration),
            "irreversible": unique(words for one in migration.operations for words in irreversible(one)),
            "atomic": self.atomic(migration),
        }

    def replaced(self, key: Key, by: Key) -> Dict[str, Any]:
        """One whose row is there while another stands for it."""
        there = self.executor.loader.disk_migrations.get(key)
        if there is not None:
            return {**self.about(there), "after": []}
        words = f"its file is gone, and {by[0]}.{by[1]} stands for it"
        return {"name": f"{key[0]}.{key[1]}", "said": "", "irreversible": [words], "atomic": True, "after": []}


def show_place(error: BaseException) -> None:
    """The lines of the project itself that it came through: nobody here mends those of its packages."""
    for frame in traceback.extract_tb(error.__traceback__):
        if "-packages/" not in frame.filename and frame.filename != "<string>":
            print(f"{frame.filename}, line {frame.lineno}: {frame.line}")


def connection_to(identity: List[str]) -> Any:
    """That of the settings' databases which is this one, `default` before any other."""
    connections = import_module("django.db").connections
    seen = []
    for alias in sorted(connections, key=lambda one: (one != "default", one)):
        try:
            found = identity_of(connections[alias])
        except Exception as error:
            seen.append(f"{alias} does not answer ({error})")
            continue
        if found == identity:
            return connections[alias]
        seen.append(f"{alias} is {found[0]}")
    raise Wrong(f"none of the databases in Django's settings is {identity[0]}, which [data] declares: {'; '.join(seen) or 'there is none'}")


def identity_of(connection: Any) -> List[str]:
    """Which database it is."""
    if connection.vendor == "sqlite":
        return [os.path.realpath(str(connection.settings_dict["NAME"])), ""]
    if connection.vendor != "postgresql":
        return [f"{connection.vendor} {connection.settings_dict['NAME']}", ""]
    with connection.cursor() as cursor:
        cursor.execute(IDENTITY)
        return [str(value) for value in cursor.fetchone()]


def node(loader: Any, key: Key) -> Any:
    if key not in loader.graph.nodes:
        raise Wrong(f"this release does not have {key[0]}.{key[1]}")
    return loader.graph.nodes[key]


def key_of(name: str) -> Key:
    app, _, rest = name.partition(".")
    return app, rest

"""A PostgreSQL database in; out, copies of it by pg_dump that are read back whole, and databases made of them by pg_restore.

While pg_dump runs, the rows of every table are counted and summed up in the very snapshot that it copies: so what comes out of a copy can
be compared, row for row, with what went in.
"""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from shipway_agent.data import programs
from shipway_agent.data.address import environment_of
from shipway_agent.data.content import Progress, digest_of_file
from shipway_agent.data.declared import Declared
from shipway_agent.data.programs import Work
from shipway_agent.data.psql import Psql, identifier, literal
from shipway_agent.errors import AgentError
from shipway_agent.folder import Folder

CONTENT = "dump"

Say = Callable[[str], None]

Table = Tuple[str, str]
"""Schema and name."""

_OF_TABLES = """
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""
"""Every table that holds rows of its own. Those of extensions come back with the extension."""

TABLES = " ".join(["SELECT json_build_array(n.nspname, c.relname)", _OF_TABLES, "ORDER BY n.nspname, c.relname;"])

_COUNT = "SELECT json_build_array(%L, %L, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text) FROM ONLY %I.%I t"

COUNTS = " ".join(
    [
        f"SELECT format('{_COUNT}', n.nspname, c.relname, n.nspname, c.relname)",
        _OF_TABLES,
        "{others} ORDER BY n.nspname, c.relname \\gexec",
    ]
)
"""One statement for each table, made by the server."""

SERVER = """
SELECT json_build_object('version', current_setting('server_version'), 'number', current_setting('server_version_num')::int,
'encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype, 'owner', pg_get_userbyid(d.datdba),
'bytes', pg_database_size(d.oid), 'database', d.datname, 'standby', pg_is_in_recovery())
FROM pg_database d WHERE d.datname = current_database();
"""

END_SESSIONS = (
    "SELECT pg_terminate_backend(pid)::int FROM pg_stat_activity WHERE datname = {name} AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend';"
)
"""The server's own workers end by themselves; who is no superuser may not end them, and would hear an error."""

_OF_DATABASE = "FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS one(line)"
LISTS = "('search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries')"
"""Settings whose value is a list of names, kept as it is written (pg_dump's variable_is_guc_list_quote)."""

SETTINGS = (
    "SELECT format('ALTER %s SET %I TO %s', CASE WHEN s.setrole = 0 THEN format('DATABASE %I', {new}) "
    "ELSE format('ROLE %s IN DATABASE %I', s.setrole::regrole, {new}) END, split_part(line, '=', 1), "
    "CASE WHEN split_part(line, '=', 1) IN " + LISTS + " THEN substr(line, strpos(line, '=') + 1) "
    "ELSE quote_literal(substr(line, strpos(line, '=') + 1)) END) " + _OF_DATABASE + " WHERE d.datname = {live} \\gexec"
)
RIGHTS = (
    "SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, {new}, "
    "CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END) "
    "FROM pg_database d, aclexplode(d.datacl) WHERE d.datname = {live} "
    "UNION ALL SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', {new}) FROM pg_database d "
    "WHERE d.datname = {live} AND d.datacl IS NOT NULL AND NOT EXISTS (SELECT 1 FROM aclexplode(d.datacl) WHERE grantee = 0) \\gexec"
)
"""What belongs to a database and not to what is in it: a dump of its content has neither."""

DATABASES = "SELECT json_build_array(datname) FROM pg_database WHERE NOT datistemplate;"
IS_THERE = "SELECT json_build_array(1) FROM pg_database WHERE datname = {name};"

ASK_SECONDS = 0.02

LONGEST_NAME = 63

MAINTENANCE = ("postgres", "template1")
"""Where a session is while databases are made and renamed."""


class Postgres:
    """One database. `admin_url` is of a user who may make databases, where that of the application may not."""

    def __init__(self, data: Declared, work: Work) -> None:
        """Raises AgentError `data-url`, `no-url`."""
        if not data.url:
            raise AgentError("no-url", f"data {data.name} has no url", data=data.name)
        self._data = data
        self._work = work
        self.address = environment_of(data.url, what=f"data {data.name}")
        self._admin = environment_of(data.admin_url, what=f"the administrator of data {data.name}") if data.admin_url else self.address

    def copy(self, into: Folder, progress: Progress) -> Dict[str, Any]:
        """Dump it into the folder: {"server", "tables": {name: {"rows", "sum"}}, "digest", "bytes"}. Raises AgentError."""
        with Psql(self._work, self.address) as session:
            server = session.one(SERVER)
            major = int(server["number"]) // 10000
            session.do("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;")
            snapshot = session.one("SELECT json_build_array(pg_export_snapshot());")[0]
            tables = [(str(schema), str(name)) for schema, name in session.rows(TABLES)]
            left_out = [table for table in tables if self._leaves_out(*table)]
            strangers = set(self._data.leave_out) - {shown(*table) for table in left_out} - {table[1] for table in left_out}
            if strangers:
                raise AgentError("leave-out", f"{', '.join(sorted(strangers))} of leave_out are no tables of {server['database']}")
            argv = [programs.find("pg_dump", major, self._work.environment), "-w", "-Fc", "-Z1", f"--snapshot={snapshot}"]
            argv += [f"--exclude-table-data={identifier(schema)}.{identifier(name)}" for schema, name in left_out]
            argv.append(f"--file={into.path}/{CONTENT}")
            _count(session, left_out)
            ended = programs.run(argv, self._work, more=self.address, look=lambda: progress.at(_size(into)))
            if ended.exit != 0:
                session.alive()  # the snapshot is gone with its session, which can say why
                raise AgentError("dump", f"pg_dump ended with {ended.exit}; nothing is kept of what it wrote", ended.lines)
            rows = _counted(session)
        found = {shown(schema, name): None for schema, name in left_out}
        digest, size = digest_of_file(into, CONTENT)
        return {"server": server, "tables": {**found, **rows}, "digest": digest, "bytes": size}

    def read(self, point: Folder, about: Mapping[str, Any]) -> None:
        """Read a copy back, every byte of it. Raises AgentError `point-damaged`."""
        digest, size = digest_of_file(point, CONTENT)
        if (digest, size) != (about["digest"], about["bytes"]):
            raise AgentError("point-damaged", f"{point.full(CONTENT)} is not what was written there: {size} bytes, {digest[:12]}")
        argv = [self._program("pg_restore", about), "--file=/dev/null", point.full(CONTENT)]
        ended = programs.run(argv, self._work)
        if ended.exit != 0:
            raise AgentError("point-damaged", f"pg_restore cannot read {point.full(CONTENT)}", ended.lines)

    def restore(self, point: Folder, about: Mapping[str, Any], name: str, say: Say) -> Dict[str, Any]:
        """Make the database `name` of a copy, and prove that each row is there: {"tables", "bytes"}. The live one is not touched.

        Raises AgentError: `older-server` where the copy is of a newer major version, `restore`, `restore-differs`; nothing is left then.
        """
        with self.maintenance() as session:
            number = int(session.one("SELECT json_build_array(current_setting('server_version_num')::int);")[0])
            if number // 10000 < int(about["server"]["number"]) // 10000:
                was, now = about["server"]["version"], number // 10000
                raise AgentError("older-server", f"the restore point is of PostgreSQL {was}, and the server is {now}: it cannot take it")
            server = about["server"]
            session.do(
                f"CREATE DATABASE {identifier(name)} TEMPLATE template0 ENCODING {literal(server['encoding'])} "
                f"LC_COLLATE {literal(server['collate'])} LC_CTYPE {literal(server['ctype'])} OWNER {identifier(server['owner'])};"
            )
        try:
            say(f"restoring into {name}")
            argv = [self._program("pg_restore", about, number // 10000), "-w", "--exit-on-error", f"--jobs={_jobs()}", f"--dbname={name}"]
            ended = programs.run([*argv, point.full(CONTENT)], self._work, more={**self._admin, "PGDATABASE": name})
            if ended.exit != 0:
                raise AgentError("restore", f"pg_restore ended with {ended.exit}", ended.lines)
            return self._proved(about, name, say)
        except BaseException:
            self.drop(name)
            raise

    def counts(self) -> Dict[str, Any]:
        """The rows of every table as they are now."""
        with Psql(self._work, self.address) as session:
            _count(session, [])
            return _counted(session)

    def put_back(self, point: Folder, about: Mapping[str, Any], stamp: str, say: Say) -> Dict[str, Any]:
        """Make a database of a copy, prove it, and let it take the place of the live one, which is kept under another name:

        {"kept", "swap_seconds"}. Until the last moment nobody sees anything of it; sessions are ended then, and come back to the new one.
        `stamp` is of one restore: where its database is kept already the place was taken, and nothing is done twice.

        Raises AgentError as `restore` does, and `swap`; the live one is untouched then.
        """
        live = self.address["PGDATABASE"]
        new, kept = beside(live, "new", stamp), beside(live, "before", stamp)
        if self._is_there(kept):
            return {"kept": kept, "swap_seconds": 0.0}
        self.drop(new)  # of an agent that was killed
        self.restore(point, about, new, say)
        try:
            seconds = self._swap(live, new, kept, say)
        except BaseException:
            if self._is_there(kept):  # it was done, and only the word of it was lost
                return {"kept": kept, "swap_seconds": 0.0}
            self.drop(new)
            raise
        return {"kept": kept, "swap_seconds": round(seconds, 3)}

    def _swap(self, live: str, new: str, kept: str, say: Say) -> float:
        """Both names change in one transaction. It has the lock on the name while it waits for sessions to end, so nobody new gets in."""
        with self.maintenance() as session, self.maintenance() as other:
            session.do(SETTINGS.format(live=literal(live), new=literal(new)))
            session.do(RIGHTS.format(live=literal(live), new=literal(new)))
            say(f"{new} takes the place of {live}, which stays as {kept}")
            began = time.monotonic()
            session.ask(
                f"BEGIN; ALTER DATABASE {identifier(live)} RENAME TO {identifier(kept)}; "
                f"ALTER DATABASE {identifier(new)} RENAME TO {identifier(live)}; COMMIT;"
            )
            try:
                while not session.answered(ASK_SECONDS):
                    other.do(END_SESSIONS.format(name=literal(live)))
                session.answer()
            except AgentError as error:
                raise AgentError("swap", f"{live} could not be renamed: {error.message}", error.lines) from None
            return time.monotonic() - began

    def drop(self, name: str) -> None:
        """Take a database away that was made of a copy, whoever is connected to it."""
        with self.maintenance(self._work.to_its_end()) as session:
            session.do(_end_sessions(name))
            session.do(f"DROP DATABASE IF EXISTS {identifier(name)};")

    def _is_there(self, name: str) -> bool:
        with self.maintenance(self._work.to_its_end()) as session:
            return bool(session.rows(IS_THERE.format(name=literal(name))))

    def maintenance(self, work: Optional[Work] = None) -> Psql:
        """A session beside the database itself, of the user who may make databases. Raises AgentError `database`."""
        refused: Optional[AgentError] = None
        for database in MAINTENANCE:
            try:
                return Psql(work or self._work, {**self._admin, "PGDATABASE": database})
            except AgentError as error:
                refused = error
        assert refused is not None
        raise refused

    def inside(self, name: str) -> Psql:
        """A session in a database that was made of a copy, of the user who made it."""
        return Psql(self._work, {**self._admin, "PGDATABASE": name})

    def dump(self, name: str, about: Mapping[str, Any], path: str) -> programs.Ended:
        """Write what such a database holds into a file."""
        argv = [self._program("pg_dump", about), "-w", "-Fc", f"--file={path}"]
        return programs.run(argv, self._work, more={**self._admin, "PGDATABASE": name})

    def _proved(self, about: Mapping[str, Any], name: str, say: Say) -> Dict[str, Any]:
        with Psql(self._work, {**self._admin, "PGDATABASE": name}) as session:
            say("comparing its rows with those that were copied")
            wanted = {table: count for table, count in about["tables"].items() if count is not None}
            tables = [(str(schema), str(table)) for schema, table in session.rows(TABLES)]
            _count(session, [table for table in tables if shown(*table) not in wanted])
            found = _counted(session)
            differing = [
                f"{table}: {_rows(wanted[table])} were copied, {_rows(found.get(table))} came back"
                for table in wanted
                if found.get(table) != wanted[table]
            ]
            if differing:
                raise AgentError("restore-differs", f"what came back is not what was copied: {len(differing)} tables differ", differing)
            session.do("ANALYZE;")
            size = int(session.one("SELECT json_build_array(pg_database_size(current_database()));")[0])
        return {"tables": found, "bytes": size}

    def _leaves_out(self, schema: str, name: str) -> bool:
        return shown(schema, name) in self._data.leave_out or (schema == "public" and name in self._data.leave_out)

    def _program(self, name: str, about: Mapping[str, Any], least: int = 0) -> str:
        return programs.find(name, max(int(about["server"]["number"]) // 10000, least), self._work.environment)


def _count(session: Psql, left_out: Sequence[Table]) -> None:
    """Let the server count and sum up the rows of every other table in the session's own snapshot; the sum of a hash of each row does not

    depend on their order.
    """
    names = ", ".join(f"({literal(schema)}, {literal(name)})" for schema, name in left_out)
    session.ask(COUNTS.format(others=f"AND (n.nspname, c.relname) NOT IN ({names})" if names else ""))


def _counted(session: Psql) -> Dict[str, Any]:
    """{table: {"rows", "sum"}}."""
    return {shown(str(schema), str(name)): {"rows": int(rows), "sum": str(total)} for schema, name, rows, total in session.answer()}


def beside(live: str, what: str, stamp: str) -> str:
    """The name of a database that is made of another one: PostgreSQL takes 63 bytes, and cuts off what is longer."""
    ending = f"_{what}_{stamp}"
    return live.encode()[: LONGEST_NAME - len(ending.encode())].decode("utf-8", "ignore") + ending


def shown(schema: str, name: str) -> str:
    """A table as people write it."""
    return f"{schema}.{name}"


def _end_sessions(name: str) -> str:
    return END_SESSIONS.format(name=literal(name))


def _rows(count: Optional[Mapping[str, Any]]) -> str:
    return "none" if count is None else f"{count['rows']:,} rows"


def _size(folder: Folder) -> int:
    found = folder.stat(CONTENT)
    return found.st_size if found is not None else 0


def _jobs() -> int:
    return max(1, min(4, os.cpu_count() or 1))

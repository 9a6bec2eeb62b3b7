"""A PostgreSQL server in; out, one session with it through its own client: questions in SQL, answers in JSON."""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
from typing import Any, List, Mapping

from shipway_agent.data import programs
from shipway_agent.data.programs import Program, Work
from shipway_agent.errors import AgentError

PLAIN = (
    "SET standard_conforming_strings = on; SET search_path = pg_catalog; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; "
    "SET intervalstyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1; SET row_security = off; "
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = 0;"
)
"""So that the same rows read the same everywhere, and none is hidden without an error."""

LOOK_SECONDS = 0.25


class Psql:
    """One session. A statement that fails ends it: AgentError `database` with what the server said."""

    def __init__(self, work: Work, address: Mapping[str, str], *, major: int = 0) -> None:
        """Raises AgentError: `no-program`, `database` where the server cannot be reached or says no."""
        self._work = work
        self._errors = os.memfd_create("errors")
        path = programs.find("psql", major, work.environment)
        argv = [path, "-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        self._program = Program(argv, work, address, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        self._child = self._program.child
        self._rest = b""
        self._end = ""
        try:
            self.do(PLAIN)
        except BaseException:
            self.close()
            raise

    def do(self, sql: str) -> None:
        """Statements without an answer."""
        self.rows(sql)

    def rows(self, sql: str) -> List[Any]:
        """The answer, one JSON value a row: statements select json_build_array(…) or the like."""
        self.ask(sql)
        return self.answer()

    def ask(self, sql: str) -> None:
        """Let the server work on it; the answer is read later, before anything else is asked."""
        assert self._child.stdin is not None
        self._end = f"end-{secrets.token_hex(8)}"
        try:
            self._child.stdin.write(f"{sql}\n\\echo {self._end}\n".encode())
        except BrokenPipeError:
            raise self._ended() from None

    def answered(self, within_seconds: float) -> bool:
        """Whether something of the answer is there, or the session has ended."""
        assert self._child.stdout is not None
        return bool(self._rest) or bool(select.select([self._child.stdout], [], [], within_seconds)[0])

    def answer(self) -> List[Any]:
        """Of what was asked last."""
        found: List[Any] = []
        while (line := self._line()) != self._end:
            if line:
                found.append(_value(line))
        return found

    def stdin_fd(self) -> int:
        """Whoever keeps this open keeps the session alive, as long as its server lets it live."""
        assert self._child.stdin is not None
        return self._child.stdin.fileno()

    def alive(self) -> None:
        """Raise what ended the session, if anything did."""
        if self._child.poll() is not None:
            raise self._ended()

    def one(self, sql: str) -> Any:
        """The only row."""
        rows = self.rows(sql)
        if len(rows) != 1:
            raise AgentError("database", f"{len(rows)} rows came where one was asked for")
        return rows[0]

    def close(self) -> None:
        """End the session, and with it what it had not committed."""
        self._program.end()
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1

    def __enter__(self) -> Psql:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self) -> str:
        assert self._child.stdout is not None
        while b"\n" not in self._rest:
            if self._work.left() <= 0:
                raise AgentError("data-timeout", "the database did not answer within the bound")
            if self._work.moot():
                raise AgentError("ended", "the session with the database was ended, for nobody waits for it any more")
            if not select.select([self._child.stdout], [], [], LOOK_SECONDS)[0]:
                continue
            data = self._child.stdout.read(1 << 16)
            if not data:
                raise self._ended()
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace")

    def _ended(self) -> AgentError:
        try:
            self._child.wait(programs.KILL_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        lines = programs.read_lines(self._errors)
        errors = [line for line in lines if "ERROR:" in line or "FATAL:" in line]
        said = next(iter([*errors, *lines]), "it said nothing")
        return AgentError("database", f"the database says no: {said}", lines)


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise AgentError("database", f"the database answers with what was not asked for: {line[:200]}") from None


def identifier(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"

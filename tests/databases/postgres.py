"""A directory in, a PostgreSQL server with a UNIX socket (and a port, where hosts need one) out; it ends with the block."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

USER = "postgres"
LIMIT_SECONDS = 120.0


def postgres_is_there() -> str | None:
    """What lacks for a server of one's own, None where nothing does."""
    if _programs() is None:
        return "postgresql is not installed"
    return None if os.geteuid() != 0 or _account() is not None else "there is no user postgres to run a server as"


class Server:
    """One server; databases are made in it by `database`. Root cannot run one: then it is the user postgres of this machine."""

    def __init__(self, *, listen: str = "", port: int = 5432, settings: Sequence[str] = ()) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="shipway-pg-", dir="/tmp"))
        self.listen = listen
        self.port = port
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        programs = _programs()
        assert programs is not None, postgres_is_there()
        self._programs = programs
        account = _account()
        if os.geteuid() == 0 and account is not None:
            os.chown(self.place, account.pw_uid, account.pw_gid)
        self.place.chmod(0o711)
        data = self.place / "data"
        self._run([str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", USER, "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"])
        if self.listen:
            with (data / "pg_hba.conf").open("a") as file:
                file.write("host all all 0.0.0.0/0 trust\n")
        self.start()
        return self

    def start(self) -> None:
        """Begin to serve, and return when it does."""
        options = [f"listen_addresses={self.listen}", f"unix_socket_directories={self.place}", "fsync=off", f"port={self.port}"]
        words = [word for option in (*options, *self._settings) for word in ("-c", option)]
        argv = [str(self._programs / "postgres"), "-D", str(self.place / "data"), *words]
        with (self.place / "log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/", user=_uid(), group=_gid())
        until = time.monotonic() + LIMIT_SECONDS
        while subprocess.run(["pg_isready", "-q", "-h", str(self.place), "-p", str(self.port)], check=False).returncode != 0:
            assert self._process.poll() is None, (self.place / "log").read_text()
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.05)

    def stop(self, signal_number: int = 2) -> None:
        """End it: by default at once, its sessions cut (fast); 9 as a crash does."""
        if self._process is not None:
            self._process.send_signal(signal_number)
            self._process.wait(LIMIT_SECONDS)
            self._process = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop(3)
        shutil.rmtree(self.place, ignore_errors=True)

    def url(self, database: str, user: str = USER) -> str:
        """Where a database is, for programs of this machine."""
        return f"postgres://{user}@/{database}?host={self.place}&port={self.port}"

    def database(self, name: str, *statements: str, owner: str = USER) -> str:
        """Make a database and fill it: its URL."""
        self.sql("postgres", f'CREATE DATABASE "{name}" OWNER "{owner}"')
        for statement in statements:
            self.sql(name, statement)
        return self.url(name, owner)

    def sql(self, database: str, statement: str) -> list[str]:
        """The rows that a statement answers with, one line each. Fails the test where the server says no."""
        argv = [
            "psql",
            "-X",
            "-w",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            str(self.place),
            "-p",
            str(self.port),
            "-U",
            USER,
            database,
        ]
        ended = subprocess.run([*argv, "-c", statement], capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.splitlines()

    def databases(self) -> set[str]:
        return set(self.sql("postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate"))

    def _run(self, argv: list[str]) -> None:
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=LIMIT_SECONDS, cwd="/", user=_uid(), group=_gid())


def _programs() -> Path | None:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0)
    return next((place for place in reversed(places) if (place / "initdb").exists()), None)


def _account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        return None


def _uid() -> int | None:
    account = _account()
    return account.pw_uid if os.geteuid() == 0 and account is not None else None


def _gid() -> int | None:
    account = _account()
    return account.pw_gid if os.geteuid() == 0 and account is not None else None

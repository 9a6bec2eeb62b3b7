"""The real applications are what the stories believe: v1 and v2 serve, v3 does not start, v4 turns sick once the front door was used."""

from __future__ import annotations

import http.client
import os
import shlex
import socket
import subprocess
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.apps import APPLICATIONS, Application

LIMIT_SECONDS = 40


@contextmanager
def served(app: Application, tag: str, work: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path | int]]:
    """The version, its tasks run and its process started by hand in a copy of the commit, as a host would."""
    copy = work / tag
    app.repository.git("worktree", "add", "--quiet", "--detach", str(copy), tag)
    settings = tomllib.loads((copy / "shipway.toml").read_text())
    for shared in settings.get("shared", []):
        (work / shared).mkdir(exist_ok=True)
        (copy / shared).symlink_to(work / shared)
    for task in settings["task"]:
        subprocess.run(task["run"], shell=True, cwd=copy, check=True, capture_output=True)
    run = settings["process"]["web"]["run"]
    address: Path | int = work / "s" if "$SOCKET" in run else free_port()
    variable = "SOCKET" if isinstance(address, Path) else "PORT"
    command = run if isinstance(run, str) else shlex.join(run).replace("'$PORT'", "$PORT")
    log = (work / f"{tag}.log").open("wb")
    env = {**os.environ, variable: str(address), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(["/bin/sh", "-c", f"exec {command}"], cwd=copy, env=env, stdout=log, stderr=log)
    try:
        yield process, address
    finally:
        log.close()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def ask(address: Path | int, page: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", address if isinstance(address, int) else 80, timeout=10)
    with closing(connection):
        if isinstance(address, Path):
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(address))
        connection.request("GET", page, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")


def eventually(process: subprocess.Popen[bytes], address: Path | int, page: str, status: int) -> str:
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            got, said = ask(address, page)
            if got == status:
                return said
        except OSError:
            got, said = 0, "no answer"
        assert process.poll() is None, "it ended"
        assert time.monotonic() < deadline, f"{page}: {got} {said}"
        time.sleep(0.05)


def health_page(app: Application) -> str:
    settings = tomllib.loads((app.directory / "shipway.toml").read_text())
    page: str = settings["process"]["web"]["health"]["path"]
    return page


@pytest.mark.parametrize("name", [name for name in APPLICATIONS if name != "static"])
def test_what_the_four_versions_do(name: str, tmp_path: Path) -> None:
    app = APPLICATIONS[name](tmp_path / "app", "")
    work = tmp_path / "w"
    work.mkdir()
    for tag in ("v1", "v2"):
        with served(app, tag, work) as (process, address):
            eventually(process, address, health_page(app), 200)
            status, said = ask(address, app.page)
            assert status == 200
            assert f"version {tag[1]}" in said
            for page in app.pages:
                if not page.startswith("/static/"):  # those are the front door's
                    assert ask(address, page)[0] == 200, page
    with served(app, "v3", work) as (process, _):
        assert process.wait(LIMIT_SECONDS) != 0
    assert app.reasons["v3"] in (work / "v3.log").read_text()
    with served(app, "v4", work) as (process, address):
        eventually(process, address, health_page(app), 200)
        time.sleep(1.6)  # the time after which it would be sick, had it been live
        assert ask(address, health_page(app))[0] == 200
        assert ask(address, app.page, X_Forwarded_For="127.0.0.1")[0] == 200
        eventually(process, address, health_page(app), 503)


def test_the_static_site_needs_no_process(tmp_path: Path) -> None:
    app = APPLICATIONS["static"](tmp_path / "app", "")
    assert "process" not in tomllib.loads((app.directory / "shipway.toml").read_text())
    assert "version 2" in (app.directory / "public/index.html").read_text()
    assert app.repository.git("ls-tree", "-r", "--name-only", "v3", "public").split() == ["public/elsewhere.html", "public/style.css"]


def test_the_repository_is_clean_and_its_head_is_good(tmp_path: Path) -> None:
    app = APPLICATIONS["fastapi"](tmp_path / "app", "")
    assert app.repository.git("status", "--porcelain") == ""
    assert app.repository.git("rev-parse", "HEAD") == app.repository.git("rev-parse", "v2")

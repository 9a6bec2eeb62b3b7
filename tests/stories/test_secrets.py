"""A secret is set, deployed, rotated and rolled back: the application has the value that belongs to its generation."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shipway.config.secrets.identities import make
from tests.apps import Repository
from tests.stories.project import BYTECODE, SHIPWAY, Project, local

APP = """\
import http.server, os

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = "\\n".join(os.environ.get(name, "none") for name in ("TOKEN", "ASKED")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
"""


class Shop:
    """One local host that serves its own TOKEN and ASKED; the second is what `cat vault` prints beside the checkout."""

    def __init__(self, place: Path) -> None:
        hosts, doors = local(place, more="watch_seconds = 0.5\nlease_seconds = 6\nconfirm_seconds = 12")
        self.door = doors["a"]
        self.vault = place / "vault"
        repository = Repository(place / "shop")
        repository.write("app.py", APP)
        repository.write(
            "shipway.toml",
            f'app = "shop"\n[process.web]\nrun = "exec {sys.executable} app.py"\nhealth = "/"\n{hosts}'
            f'[environment.local.env]\nASKED = {{ command = ["cat", "{self.vault}"] }}\n',
        )
        repository.commit("Version 1")
        self.repository = repository
        self.project = Project(repository, "local", {"XDG_CONFIG_HOME": str(place / "home"), "SHIPWAY_AGE_IDENTITY": ""})

    def put(self, name: str, value: str) -> str:
        """`shipway secrets set`, with the value on its stdin."""
        done = subprocess.run(
            [SHIPWAY, "secrets", "set", "local", name],
            cwd=self.project.directory,
            env={**os.environ, **BYTECODE, **self.project.env},
            input=value,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout + done.stderr

    def served(self) -> list[str]:
        connection = http.client.HTTPConnection(self.door, timeout=10)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read().decode().splitlines()
        finally:
            connection.close()


@pytest.mark.timeout(300)
def test_a_rollback_brings_the_old_value_back_with_the_old_code(place: Path) -> None:
    shop = Shop(place)
    project, repository = shop.project, shop.repository
    make(place / "home/shipway/age.key")
    shop.vault.write_text("asked-1\n")
    words = [shop.put("TOKEN", "sealed-1\n")]
    repository.commit("Set TOKEN")
    words.append(project.run("deploy", "local").text)
    assert shop.served() == ["sealed-1", "asked-1"]
    release = project.report()["release"]["digest"]

    words.append(shop.put("TOKEN", "sealed-2\n"))
    repository.commit("Rotate TOKEN")
    shop.vault.write_text("asked-2\n")
    said = project.run("config", "local", "--live").text
    assert said.count("a: another value is live") == 2
    words += [said, project.run("deploy", "local").text]
    assert shop.served() == ["sealed-2", "asked-2"]
    assert project.report()["release"]["digest"] == release, "the very same release, with other secrets: that is not unchanged"

    shop.vault.unlink()
    words.append(project.run("deploy", "local", code=2).text)
    assert f"ASKED: `cat {shop.vault}` ended with 1" in words[-1] and "nothing was touched" in words[-1]
    words.append(project.run("rollback", "local").text)
    assert shop.served() == ["sealed-1", "asked-1"], "nobody is asked: the host has what belongs to the generation"
    assert [text for text in words if "sealed-" in text or "asked-" in text] == []

"""A real application on a Python that its host does not have: brought with it, and first in every PATH."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.agent.test_session import python_of
from tests.apps import Repository
from tests.release.mirror import mirror
from tests.stories.project import Project, local

APP = """\
import http.server, json, os, shutil, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        built, task = open("built.txt").read(), open("out/task.txt").read()
        said = {"runs": sys.executable, "finds": shutil.which("python3.12"), "built": built, "task": task}
        data = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
SETTINGS = """\
app = "shop"

[toolchain]
python = {{ version = "3.12", mirror = "{mirror}" }}

[build]
run = ["python3.12 -c 'import sys; print(sys.executable)' > built.txt"]
outputs = ["built.txt"]

[[task]]
name = "look"
run = "python3.12 -c 'import sys; print(sys.executable)' > out/task.txt"
outputs = ["out"]

[process.web]
run = "exec python3.12 app.py"
health = "/"

"""
LEFT_OUT = ("test", "idlelib", "ensurepip", "tkinter", "lib2to3", "site-packages", "__pycache__", "turtledemo", "pydoc_data")


def as_published(python: Path, archive: Path) -> None:
    """An archive as python-build-standalone has it: bin and lib below the directory `python`, of this machine's own 3.12."""

    def slim(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        parts = member.name.split("/")
        return None if set(LEFT_OUT) & set(parts) or any(part.startswith("config-") for part in parts) else member

    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add((python / "bin/python3.12").resolve(), "python/bin/python3.12")
        link = tarfile.TarInfo("python/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, "python3.12"
        tar.addfile(link)
        tar.add(python / "lib/python3.12", "python/lib/python3.12", filter=slim)


@pytest.mark.timeout(300)
def test_an_application_goes_live_on_a_python_that_its_host_does_not_have(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = python_of("3.12")
    if own is None:
        pytest.skip("no Python 3.12 here to make an archive of")
    prefix = Path(own).resolve().parents[1]
    archive = place / "python.tar.gz"
    as_published(prefix, archive)
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    with mirror() as site:
        site.python("3.12.1", archive)
        site.python("3.11.9", b"not wanted")
        text, doors = local(place, more="watch_seconds = 1\nlease_seconds = 6\nconfirm_seconds = 12")
        repository = Repository(place / "shop")
        repository.write("app.py", APP)
        repository.write("shipway.toml", SETTINGS.format(mirror=site.url) + text)
        repository.commit("One", "v1")
        project = Project(repository, "local")
        said = project.deploy("v1")
        assert f"fetches {site.url}/cpython-3.12.1%2B20260101-x86_64-unknown-linux-gnu-install_only.tar.gz" in said.out
        (tool,) = (place / "a/toolchains").iterdir()
        assert tool.name.startswith("python-3.12.1-")

        about = json.loads(project.run("exec", "local", "--", "python3.12", "-c", ASK.format(door=doors["a"])).out)
        assert about["runs"] == about["finds"] == f"{tool}/bin/python3.12"
        assert about["task"].strip() == about["runs"]
        assert about["built"].startswith(str(place / "cache")), "the build had the same one, of this machine's cache"


ASK = "import urllib.request; print(urllib.request.urlopen('http://{door}/', timeout=30).read().decode())"

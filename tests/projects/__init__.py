"""Real projects in, what `init` must make of each out: archives as PyPI and npm have them, whose authors never heard of Shipway."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.apps import Repository

ARCHIVES = Path(__file__).with_name("archives")


@dataclass(frozen=True)
class Published:
    """A file of `archives`, and what is recognised: the kind, the name, the command of `web` ("" for none), and what the proxy serves.

    `says` is a text of its front page.
    """

    file: str
    kind: str
    app: str
    web: str
    static: str | None
    says: str

    def repository(self, directory: Path) -> Repository:
        """A repository with one commit: the archive, unpacked, and nothing else."""
        repository = Repository(directory)
        with tarfile.open(ARCHIVES / self.file) as archive:
            for member in archive.getmembers():
                member.name = member.name.partition("/")[2]
                if member.name:
                    archive.extract(member, directory, filter="data")
        repository.commit("As it was published")
        return repository


PUBLISHED: tuple[Published, ...] = (
    Published(
        "httpbin-0.10.4.tar.gz", "Flask", "httpbin", ".venv/bin/gunicorn --bind unix:$SOCKET --workers 2 httpbin.core:app", None, "httpbin"
    ),
    Published(
        "whoogle_search-1.2.4.tar.gz", "Flask", "whoogle-search", ".venv/bin/waitress-serve --unix-socket=$SOCKET app:app", None, "Whoogle"
    ),
    Published(
        "titiler_application-2.4.0.tar.gz",
        "FastAPI",
        "titiler-application",
        ".venv/bin/uvicorn --uds $SOCKET titiler.application.main:app",
        None,
        "TiTiler",
    ),
    Published(
        "radicale-3.9.0.tar.gz", "WSGI", "radicale", ".venv/bin/gunicorn --bind unix:$SOCKET --workers 2 radicale:application", None, ""
    ),
    Published(
        "cors-anywhere-0.4.4.tgz",
        "Node",
        "cors-anywhere",
        'export PATH="$PWD/node_modules/.bin:$PATH"; node server.js',
        None,
        "cross-origin",
    ),
    Published("http-server-14.1.1.tgz", "Node", "http-server", "node ./bin/http-server", None, "Index of /"),
    Published("y-websocket-1.5.4.tgz", "Node", "y-websocket", "node ./bin/server.js", None, "okay"),
    Published("node-red-4.1.15.tgz", "Node", "node-red", "node red.js", None, "Node-RED"),
    Published("html5-boilerplate-9.0.1.tgz", "a static site", "html5-boilerplate", "", "dist", "HTML5 Boilerplate"),
    Published("impress.js-1.1.0.tgz", "a static site", "impress-js", "", "served", "impress.js"),
)

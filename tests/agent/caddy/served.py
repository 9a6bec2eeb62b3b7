"""A root whose releases are real trees of files, served by a real Caddy: static sites for tests, moved by the primitives themselves."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from pathlib import Path

from shipway_agent.manifest import Entry
from shipway_agent.primitives import trees
from shipway_agent.primitives.prune import prune
from tests.agent.primitives.conftest import Tree
from tests.agent.shop import Shop

Files = Mapping[str, bytes]


class Served(Shop):
    """Generation N has the files that `ship(N, …)` was given, below `public`; `public/assets` are assets. Nothing listens but Caddy."""

    def __init__(self, home: Path, *, proxy: str | None = None) -> None:
        super().__init__(home, proxy=proxy)
        self._shipped: dict[str, tuple[Tree, Files]] = {}

    def ship(self, number: int, files: Files, *others: Entry, outputs: Files | None = None) -> None:
        """`outputs` are files below `public` that a task of the release writes on this host."""
        tree = Tree({f"public/{path}".encode(): data for path, data in files.items()}, *others)
        self._shipped[f"v{number}"] = tree, outputs or {}
        tree.ship(self.context(number))

    def release(self, version: str) -> str:
        tree, outputs = self._shipped[version]
        trees.make(self.context(1), {**tree.args, "static": "public"})
        for path, data in outputs.items():
            file = Path(self.root.full(f"outputs/{tree.release}/public/{path}"))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return tree.release

    def prepare(self, number: int) -> None:
        """Ready to switch, with a lease."""
        self.make(number, static="public", assets=("public/assets",), listens=None, run=["/bin/sleep", "600"])
        for do in ("start", "ready"):
            self.decide(do, number)

    def publish(self, number: int) -> None:
        """A whole deployment."""
        self.prepare(number)
        self.turn(number)
        self.commit(number)

    def prune(self, keep: int) -> None:
        prune(self.context(1), {"keep": keep})

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by their lower-case names, body. Header names are written with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

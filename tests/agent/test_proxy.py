"""A real Caddy under its own daemon: sites come and go, and applications that share it do not touch each other's."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shipway.model.intent import Environment, Intent, Shipment
from shipway.plan.proxy.caddy import site
from shipway.transports import caddy as wheel
from shipway_agent import clock, daemon
from shipway_agent.caddy import admin, config, process, sites, token
from shipway_agent.errors import AgentError
from shipway_agent.primitives import blobs, proxy
from shipway_agent.root import Root
from tests.agent.lodge import Lodge, lodge, wait

BINARY = wheel.digest(wheel.binary())


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Lodge]:
    """An application's root with a proxy of its own, and the Caddy binary among its blobs."""
    with lodge(tmp_path / "shop") as one:
        send_caddy(one.root)
        try:
            yield one
        finally:
            close_proxy(one.root.full("proxy"))


def send_caddy(root: Root) -> None:
    """The binary as the operator sends it to a local host. Linked: 52 MB are not copied for every test."""
    place = Path(root.path) / blobs.FOLDER / blobs.shelf_of(BINARY)
    place.mkdir(parents=True, exist_ok=True)
    aside = place / "aside"
    shutil.copyfile(wheel.binary(), aside)
    aside.chmod(0o555)
    aside.rename(place / blobs.name_of(BINARY, True))


def close_proxy(path: str) -> None:
    """End whatever the proxy at `path` runs."""
    if Path(path).exists():
        Lodge(Path(path), name="proxy").close()


def routes(name: str = "shop", *domains: str) -> dict[str, Any]:
    """A site as the operator plans it."""
    intent = Intent(name, "", Environment("test", (), domains), Shipment(name))
    return site(intent, {"processes": [], "static": None})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ensure(one: Lodge, port: int, sent: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    args = {"binary": BINARY, "listen": f"127.0.0.1:{port}", "site": sent or routes(), **more}
    return proxy.ensure(one.context(1), args)


def get(port: int, path: str = "/", host: str = "localhost", headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host, **(headers or {})})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def caddy_pid(one: Lodge) -> int:
    with Root(one.root.full("proxy")) as root:
        with_journal = Lodge(Path(root.path), name="proxy")
        try:
            return wait(lambda: next((row.pid for row in with_journal.rows() if row.pid and row.state in ("starting", "up")), None))
        finally:
            with_journal.journal.close()


def test_the_first_site_starts_caddy(shop: Lodge) -> None:
    port = free_port()
    answer = ensure(shop, port)
    assert answer == {"changed": True, "reloaded": False, "listen": f"127.0.0.1:{port}", "running": True, "binary": BINARY, "kept": []}
    status, headers, body = get(port)
    assert (status, headers["retry-after"]) == (503, "5")  # nothing is live here yet
    assert b"503" in body
    facts = proxy.facts(shop.root.full("proxy"))
    assert facts == {
        "running": True,
        "binary": BINARY,
        "listen": f"127.0.0.1:{port}",
        "sites": {"shop-test": sites.digest_of(routes()["routes"])},
    }

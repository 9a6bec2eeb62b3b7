"""A real Caddy under its own daemon: sites come and go, and applications that share it do not touch each other's."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from shipway.model.intent import Environment, Intent, Shipment
from shipway.plan.proxy.caddy import site
from shipway_agent import clock, daemon, ownership
from shipway_agent.caddy import admin, sites
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.primitives import intake, member, proxy
from shipway_agent.root import Root
from tests.agent.lodge import Lodge, lodge, wait
from tests.agent.shop import binary_digest, free_port, get, send_caddy

T = TypeVar("T")

BINARY = binary_digest()

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Lodge]:
    """An application's root with a proxy of its own, and the Caddy binary among its blobs."""
    with lodge(tmp_path / "shop") as one:
        send_caddy(one.root)
        try:
            yield one
        finally:
            close_proxy(one.root.full("proxy"))


def close_proxy(path: str) -> None:
    """End whatever the proxy at `path` runs."""
    if Path(path).exists():
        Lodge(Path(path), name="proxy").close()


def routes(name: str = "shop", *domains: str) -> dict[str, Any]:
    """A site as the operator plans it."""
    intent = Intent(name, "", Environment("test", (), domains), Shipment(name))
    return site(intent, {"processes": [], "static": None})


def ensure(one: Lodge, port: int, sent: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    args = {"binary": BINARY, "listen": f"127.0.0.1:{port}", "site": sent or routes(), **more}
    return proxy.ensure(one.context(1), args)


def in_proxy(one: Lodge, ask: Callable[[Root, Journal], T]) -> T:
    """What `ask` finds in the root of the proxy and its journal."""
    with Root(one.root.full("proxy")) as root, Journal(root) as journal:
        return ask(root, journal)


def caddy_pid(one: Lodge) -> int:
    """The pid of the Caddy that the proxy's daemon keeps, once it runs."""

    def running(_: Root, journal: Journal) -> int | None:
        return next((row.pid for row in journal.processes() if row.pid is not None and clock.process_start(row.pid) is not None), None)

    return wait(lambda: in_proxy(one, running))


def daemon_pid(one: Lodge) -> int:
    return int(wait(lambda: in_proxy(one, lambda root, _: daemon.ask(root, {"hello": True})))["pid"])


def loaded(one: Lodge) -> dict[str, Any]:
    """The configuration that Caddy runs with, once it runs."""
    return wait(lambda: in_proxy(one, lambda root, _: admin.config_of(root)))


# ------------------------------------------------------------------ one site


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


def test_the_same_site_again_touches_nothing(shop: Lodge) -> None:
    port = free_port()
    ensure(shop, port)
    pid = caddy_pid(shop)
    again = ensure(shop, port)
    assert (again["changed"], again["reloaded"], caddy_pid(shop)) == (False, False, pid)


def test_what_it_writes_stays_below_its_root(shop: Lodge) -> None:
    ensure(shop, free_port())
    environment = Path(f"/proc/{caddy_pid(shop)}/environ").read_bytes().split(b"\0")
    below = {entry.partition(b"=")[2].decode() for entry in environment if entry.startswith((b"HOME=", b"XDG_"))}
    assert len(below) == 3 - 1  # data and configuration share a directory
    assert all(path.startswith(shop.root.full("proxy")) for path in below)


def test_the_admin_socket_is_for_this_user_only(shop: Lodge) -> None:
    ensure(shop, free_port())
    path = Path(in_proxy(shop, lambda root, _: admin.path_of(root)))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_nothing_of_it_listens_but_the_front_door(shop: Lodge) -> None:
    port = free_port()
    ensure(shop, port)
    inodes = ownership.sockets_of(caddy_pid(shop))
    lines = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    assert {int(f[1].rpartition(":")[2], 16) for f in lines if f[3] == "0A" and int(f[9]) in inodes} == {port}


# ------------------------------------------------------------------ several


def test_applications_share_one_caddy_and_keep_their_own(shop: Lodge, tmp_path: Path) -> None:
    port = free_port()
    ensure(shop, port, greeting("shop", "shop.example"))
    pid = caddy_pid(shop)
    with lodge(tmp_path / "blog", proxy=shop.root.full("proxy")) as blog:
        added = ensure(blog, port, greeting("blog", "blog.example"))
        assert (added["changed"], added["reloaded"], caddy_pid(shop)) == (True, True, pid)
        assert get(port, host="shop.example")[2] == b"shop"
        assert get(port, host="blog.example")[2] == b"blog"
        assert get(port, host="other.example")[0] == 404
        assert set(proxy.facts(blog.proxy or "")["sites"]) == {"shop", "blog"}
        assert proxy.remove_site(blog.proxy or "", "blog")
        assert get(port, host="blog.example")[0] == 404
        assert get(port, host="shop.example")[2] == b"shop"
        assert not proxy.remove_site(blog.proxy or "", "blog")


def test_one_that_takes_every_request_leaves_domains_to_their_owners(shop: Lodge, tmp_path: Path) -> None:
    port = free_port()
    ensure(shop, port, greeting("all"))
    with lodge(tmp_path / "blog", proxy=shop.root.full("proxy")) as blog:
        ensure(blog, port, greeting("zoo", "zoo.example"))
        assert get(port, host="zoo.example")[2] == b"zoo"
        assert get(port, host="other.example")[2] == b"all"


def test_two_that_take_the_same_requests_are_refused(shop: Lodge, tmp_path: Path) -> None:
    port = free_port()
    ensure(shop, port, greeting("shop", "a.example"))
    with lodge(tmp_path / "blog", proxy=shop.root.full("proxy")) as blog:
        with pytest.raises(AgentError, match=r"requests for a\.example .* go to shop already") as refused:
            ensure(blog, port, greeting("blog", "A.example", "b.example"))
        assert refused.value.code == "site-taken"
        assert get(port, host="b.example")[0] == 404
        assert get(port, host="a.example")[2] == b"shop"


def test_one_name_for_two_roots_is_refused(shop: Lodge, tmp_path: Path) -> None:
    port = free_port()
    ensure(shop, port, greeting("shop"))
    os.symlink("generations/000001", shop.root.full("current"))
    with lodge(tmp_path / "twin", proxy=shop.root.full("proxy")) as twin:
        with pytest.raises(AgentError, match="belongs to") as refused:
            ensure(twin, port, greeting("shop"))
        assert refused.value.facts["root"] == shop.root.path


def test_the_last_site_takes_caddy_and_its_daemon_with_it(shop: Lodge) -> None:
    port = free_port()
    ensure(shop, port)
    pid, supervisor = caddy_pid(shop), daemon_pid(shop)
    assert proxy.remove_site(shop.root.full("proxy"), "shop-test")
    wait(lambda: clock.process_start(pid) is None and clock.process_start(supervisor) is None)
    assert proxy.facts(shop.root.full("proxy"))["running"] is False
    assert ensure(shop, port)["changed"]
    assert get(port)[0] == 503


def test_a_proxy_that_never_was_has_no_site_to_remove(shop: Lodge) -> None:
    assert not proxy.remove_site(shop.root.full("proxy"), "shop-test")
    assert proxy.facts(shop.root.full("proxy")) == {"running": False, "binary": None, "listen": None, "sites": {}}


# ----------------------------------------------------------------- topology


def test_a_domain_that_goes_answers_until_the_decision(shop: Lodge) -> None:
    port = free_port()
    ensure(shop, port, greeting("shop", "old.example", "both.example"))
    after = greeting("shop", "both.example", "new.example")
    assert ensure(shop, port, after)["kept"] == ["old.example"]
    assert [get(port, host=f"{name}.example")[2] for name in ("old", "both", "new")] == [b"shop"] * 3
    assert ensure(shop, port, after, decided=True)["kept"] == []
    assert [get(port, host=f"{name}.example")[0] for name in ("old", "both", "new")] == [404, 200, 200]


def test_an_address_that_goes_answers_until_the_decision(shop: Lodge) -> None:
    old, new = free_port(), free_port()
    ensure(shop, old, greeting("shop"))
    assert ensure(shop, new, greeting("shop"))["kept"] == [f"127.0.0.1:{old}"]
    assert [get(port)[2] for port in (old, new)] == [b"shop", b"shop"]
    ensure(shop, new, greeting("shop"), decided=True)
    assert get(new)[2] == b"shop"
    with pytest.raises(ConnectionRefusedError):
        get(old)


def test_routes_that_caddy_refuses_change_nothing(shop: Lodge) -> None:
    port = free_port()
    ensure(shop, port, greeting("shop"))
    before = loaded(shop)
    with pytest.raises(AgentError) as refused:
        ensure(shop, port, {"id": "shop", "routes": [{"handle": [{"handler": "no_such_handler"}]}]})
    assert refused.value.code == "proxy-refused"
    assert any("no_such_handler" in line for line in refused.value.lines)
    assert loaded(shop) == before
    assert get(port)[2] == b"shop"
    assert not ensure(shop, port, greeting("shop"))["changed"]


# -------------------------------------------------------------------- ports


@pytest.mark.parametrize("share", [False, True], ids=["plain", "SO_REUSEPORT"])
def test_a_port_that_another_process_has_is_refused_with_its_name(shop: Lodge, share: bool) -> None:
    with socket.socket() as stranger:
        if share:  # Caddy would quietly take every other request
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with pytest.raises(AgentError) as refused:
            ensure(shop, port)
    assert refused.value.code == "port-taken"
    assert f"process {os.getpid()} (" in refused.value.message
    assert refused.value.facts["pid"] == os.getpid()
    assert ensure(shop, port)["changed"]  # and works once the port is free


def test_a_port_that_a_connection_of_this_host_has_is_explained(shop: Lodge) -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
        with pytest.raises(AgentError, match="outgoing connections") as refused:
            ensure(shop, client.getsockname()[1])
    assert refused.value.code == "port-taken"


@pytest.mark.parametrize(
    "listen", ["8080", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "unix//tmp/x", "{env.HOME}:80", "a b:80", ":80-90"]
)
def test_what_is_no_address_is_refused(shop: Lodge, listen: str) -> None:
    with pytest.raises(AgentError) as refused:
        proxy.ensure(shop.context(1), {"binary": BINARY, "listen": listen, "site": routes()})
    assert refused.value.code == "listen"


def test_an_address_of_another_host_is_refused(shop: Lodge) -> None:
    with pytest.raises(AgentError) as refused:
        proxy.ensure(shop.context(1), {"binary": BINARY, "listen": f"192.0.2.1:{free_port()}", "site": routes()})
    assert refused.value.code == "listen"


# -------------------------------------------------------------------- paths


@pytest.mark.parametrize("name", ["sh{op}", "a*b", "what?", "[1]", "back\\slash", "new\nline"])
def test_a_root_that_caddy_would_not_take_literally_is_refused(tmp_path: Path, name: str) -> None:
    with lodge(tmp_path / name) as one:
        with pytest.raises(AgentError) as refused:
            ensure(one, free_port())
        assert refused.value.code == "root"
        assert "another root" in refused.value.message


def test_a_missing_binary_is_named(tmp_path: Path) -> None:
    with lodge(tmp_path / "shop") as one:
        with pytest.raises(AgentError) as refused:
            ensure(one, free_port())
        assert refused.value.code == "no-blob"
        with pytest.raises(AgentError) as refused:
            ensure(one, free_port(), binary=None)
        assert refused.value.code == "no-binary"


def test_a_flipped_bit_in_the_binary_is_found_before_it_runs(shop: Lodge) -> None:
    path = Path(shop.root.path) / intake.FOLDER / intake.shelf_of(BINARY) / intake.name_of(BINARY, True)
    path.chmod(0o755)
    with path.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\xff\x00\xff")
    with pytest.raises(AgentError) as refused:
        ensure(shop, free_port())
    assert refused.value.code == "flipped"


# ------------------------------------------------------------------- faults


def test_a_killed_caddy_comes_back_by_itself(shop: Lodge) -> None:
    port = free_port()
    ensure(shop, port, greeting("shop"))
    pid = caddy_pid(shop)
    os.kill(pid, signal.SIGKILL)
    wait(lambda: caddy_pid(shop) != pid)
    wait(lambda: answers(port) == b"shop")


def test_a_killed_daemon_leaves_caddy_alone_and_the_next_finds_it(shop: Lodge) -> None:
    port = free_port()
    ensure(shop, port, greeting("shop"))
    pid, supervisor = caddy_pid(shop), daemon_pid(shop)
    os.kill(supervisor, signal.SIGKILL)
    wait(lambda: clock.process_start(supervisor) is None)
    assert get(port)[2] == b"shop"
    assert not ensure(shop, port, greeting("shop"))["changed"]
    assert (caddy_pid(shop), daemon_pid(shop) != supervisor) == (pid, True)


def test_after_a_reboot_the_daemon_starts_caddy_with_its_sites(shop: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    ensure(shop, port, greeting("shop"))
    pid, supervisor = caddy_pid(shop), daemon_pid(shop)
    for process_id in (supervisor, pid):
        os.kill(process_id, signal.SIGKILL)
        wait(partial(is_gone, process_id))
    monkeypatch.setenv("SHIPWAY_BOOT_ID", "the next boot")
    in_proxy(shop, lambda root, _: daemon.ensure(root))
    wait(lambda: answers(port) == b"shop")


@pytest.mark.parametrize("stage", ["lease", "start", "arm", "switched"])
def test_a_change_that_was_killed_halfway_is_done_by_the_next(shop: Lodge, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record of the proxy's own root is left wherever an agent can die."""
    real: Callable[[Root, Journal, Mapping[str, Any]], dict[str, Any]] = member.decide

    def dies(root: Root, journal: Journal, message: Mapping[str, Any]) -> dict[str, Any]:
        if message["do"] == {"lease": "vote", "start": "ready", "switched": "commit"}.get(stage):
            raise KeyboardInterrupt
        return real(root, journal, message)

    def dies_armed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(member, "decide", dies)
    if stage == "arm":
        monkeypatch.setattr("shipway_agent.primitives.switch.point", dies_armed)
    port = free_port()
    with pytest.raises(KeyboardInterrupt):
        ensure(shop, port, greeting("shop"))
    monkeypatch.undo()
    assert ensure(shop, port, greeting("shop"))["changed"]
    assert get(port)[2] == b"shop"


def is_gone(pid: int) -> bool:
    return clock.process_start(pid) is None


def greeting(name: str, *domains: str) -> dict[str, Any]:
    """A site that says its name, so that it is plain which one answered."""
    match = {"match": [{"host": list(domains)}]} if domains else {}
    return {"id": name, "routes": [{**match, "terminal": True, "handle": [{"handler": "static_response", "body": name}]}]}


def answers(port: int) -> bytes | None:
    try:
        return get(port)[2]
    except OSError:
        return None

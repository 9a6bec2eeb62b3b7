"""Whoever has to know hears it from the hosts: when the release fails, when the operator is gone, when the receiver was away."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.stories.project import eventually, processes_of
from tests.stories.proof import wait_for
from tests.stories.shop import QUICK, Shop

CANARY = "T0PS3CRET-4f1d9c"
NOTIFY = """
[[environment.local.notify]]
webhook = {{ env = "CHAT_URL" }}
on = "always"

[[environment.local.notify]]
command = ["{page}"]
"""
PAGE = """#!/bin/sh
cat >> {paged}
"""


class Receiver:
    """A web server that keeps what it is sent. It answers with `statuses`, one after the other, and then with 200."""

    def __init__(self, port: int = 0, statuses: Sequence[int] = ()) -> None:
        self.got: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        answers = list(statuses)
        got = self.got

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(answers.pop(0) if answers else 200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/services/{CANARY}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def told(self, event: str, deployment: str | None = None) -> list[dict[str, Any]]:
        """What it got of one kind."""
        found = [body["shipway"] for _, _, body in self.got]
        return [one for one in found if one["event"] == event and deployment in (None, one["deployment"])]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    """A receiver that is gone at the end."""
    one = Receiver(port)
    try:
        yield one
    finally:
        one.close()


class Told:
    """A fleet of two that serves v1, and where its words arrive. `paged` holds what the command was given."""

    def __init__(self, place: Path, chat: Receiver) -> None:
        self.place = place
        self.chat = chat
        self.paged = place / "paged"
        page = place / "page"
        page.write_text(PAGE.format(paged=self.paged))
        page.chmod(0o755)
        self.shop = Shop(place, ("a", "b"), more=QUICK, after=NOTIFY.format(page=page))
        self.shop.project.env["CHAT_URL"] = chat.url
        self.commits = {tag: self.shop.repository.git("rev-parse", tag) for tag in ("v1", "v2", "v3", "v5")}
        self.shop.project.deploy("v1")

    def hears(self, event: str, commit: str, more_than: int = 0) -> dict[str, Any]:
        """The newest message of this kind about a commit, once there are `more_than` others."""

        def found() -> list[dict[str, Any]]:
            return [one for one in self.chat.told(event) if one["commit"] == self.commits[commit]]

        eventually(lambda: len(found()) > more_than, f"{event} of {commit}: {[b for _, _, b in self.chat.got]}", 60.0)
        return found()[-1]

    def pages(self) -> list[dict[str, Any]]:
        lines = self.paged.read_text().splitlines() if self.paged.exists() else []
        return [json.loads(line)["shipway"] for line in lines]

    def daemons(self) -> list[int]:
        return [pid for pid in processes_of(self.place) if b"supervise" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture(scope="module")
def told(common_place: Path) -> Iterator[Told]:
    with receiver() as chat:
        yield Told(common_place, chat)


def test_a_good_deployment_is_told_to_whom_wants_to_hear_it(told: Told) -> None:
    said = told.hears("live", "v1")
    assert said["verdict"] == "live" and said["sender"] == "a" and said["members"] == ["a", "b"]
    assert said["environment"] == "local" and said["app"] == "shop" and said["who"] and said["version"]
    assert said["next"] == "shipway status local"
    assert told.pages() == [], "the command is for failures only"


def test_a_release_that_cannot_start_is_told_with_its_last_lines(told: Told) -> None:
    told.shop.project.deploy("v3", code=1)
    said = told.hears("undone", "v3")
    assert said["host"] in ("a", "b") and said["sender"] == "a"
    assert "start" in said["step"] and said["lines"] and said["what"]
    assert said["next"].startswith("mend the cause") and "shipway deploy local" in said["next"]
    assert said["serving"]["commit"] == told.commits["v1"]
    text = next(body["text"] for _, _, body in reversed(told.chat.got) if body["shipway"]["id"] == said["id"])
    for part in (said["version"], said["commit"][:12], said["lines"][-1], said["next"], said["step"]):
        assert part in text, text
    eventually(lambda: [one["event"] for one in told.pages()] == ["undone"], "the command was run once")
    assert told.pages()[0]["id"] != said["id"], "each target has an id of its own"


def test_a_driver_that_is_killed_after_the_switch_is_told_by_the_lead(told: Told) -> None:
    driver = told.shop.project.start("deploy", "local", "--ref", "v2", "--json")
    wait_for(driver, "barrier", name="switched")
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    said = told.hears("undone", "v2")
    assert said["sender"] == "a" and said["members"] == ["a", "b"] and said["verdict"] == "undone"
    assert said["silent_seconds"] is not None and "not been heard from" in said["what"]
    assert said["step"], "the last step that its journal has"
    assert said["serving"]["commit"] == told.commits["v1"]
    assert "shipway status local" in said["next"] and f"--ref {told.commits['v2'][:12]}" in said["next"]
    assert [one["sender"] for one in told.chat.told("went back")] == [], "no host had to go back without its lead"


def test_what_went_live_without_a_host_is_told_as_behind_to_those_who_hear_of_failures(told: Told) -> None:
    told.shop.project.run("deploy", "local", "--ref", "v2", "--without", "b", code=4)
    said = told.hears("left out", "v2")
    assert said["verdict"] == "not settled" and said["host"] == "b" and said["members"] == ["a"]
    assert said["next"].startswith(f"shipway deploy local --ref {told.commits['v2'][:12]}")
    eventually(lambda: told.pages()[-1]["event"] == "left out", "the command is for failures, and was run")
    assert f"{said['version']} is live, but b is behind" in told.pages()[-1]["words"]


def test_a_first_deployment_that_dies_while_files_travel_is_told(place: Path) -> None:
    with receiver() as chat:
        shop = Shop(place, more="watch_seconds = 1\nlease_seconds = 3\nconfirm_seconds = 6", after=NOTIFY.format(page="/bin/true"))
        driver = shop.project.start("deploy", "local", "--ref", "v1", "--json", env={"CHAT_URL": chat.url})
        wait_for(driver, "phase", name="ship")
        driver.kill()
        driver.communicate()
        eventually(lambda: chat.told("undone") != [], "the host itself tells it", 60.0)
        (said,) = chat.told("undone")
        assert said["sender"] == "a" and said["serving"] is None and "not been heard from" in said["what"]


def test_what_could_not_be_sent_waits_says_so_and_outlives_the_daemon(told: Told) -> None:
    port, before = told.chat.port, told.chat.got
    told.chat.close()
    said = told.shop.project.deploy("v3", code=1)
    # A machine with other things to do may answer only after the driver's patience: that is said as well.
    assert "not sent yet" in said.text or "whether its notifications went out is not known" in said.text, said.text

    def outbox() -> dict[str, Any]:
        hosts = told.shop.project.run("status", "local", "--json", "--quick", code=None).lines[0]["hosts"]
        found: dict[str, Any] = next(host["notifications"] for host in hosts if host["host"] == "a")
        return found

    refused = "webhook 1: cannot connect: Connection refused"
    eventually(lambda: outbox() == {"waiting": 1, "failed": 0, "last_error": refused}, f"the webhook waits, the command ran: {outbox()}")
    for pid in told.daemons():
        os.kill(pid, signal.SIGKILL)
    with receiver(port) as chat:
        told.chat = chat
        told.shop.project.deploy("v5")
        late = told.hears("undone", "v3")
        told.hears("live", "v5")
        assert late["id"] not in {body["shipway"]["id"] for _, _, body in before}
        eventually(lambda: outbox()["waiting"] == 0, "the outbox is empty")
        ids = [body["shipway"]["id"] for _, _, body in chat.got]
        assert len(ids) == len(set(ids)), "nothing was sent twice"


def test_a_url_that_changed_reaches_the_hosts_where_nothing_else_is_to_be_done(told: Told) -> None:
    told.shop.project.deploy("v5")
    said = told.shop.project.run("deploy", "local", "--ref", "v5", env={"CHAT_URL": f"{told.chat.url}/moved"})
    assert "nothing to do" in said.text
    for root in told.shop.roots.values():
        assert f"{told.chat.url}/moved" in (root / "notifications.json").read_text()


def test_the_url_lies_in_the_owner_s_file_and_nowhere_else(told: Told) -> None:
    said = told.shop.project.run("plan", "local", "--ref", "v2", "--json")
    assert CANARY not in said.text and "notifications.keep" in said.text
    holders = []
    for path in told.place.rglob("*"):
        if path.is_file() and not path.is_symlink() and CANARY.encode() in path.read_bytes():
            holders.append((str(path.relative_to(told.place)), path.stat().st_mode & 0o777))
    assert sorted(holders) == [("a/notifications.json", 0o600), ("b/notifications.json", 0o600)]
    for pid in processes_of(told.place):
        for name in ("cmdline", "environ"):
            assert CANARY.encode() not in Path(f"/proc/{pid}/{name}").read_bytes(), (pid, name)


def test_a_variable_that_is_not_set_is_refused_before_anything_begins(told: Told) -> None:
    said = told.shop.project.run("deploy", "local", "--ref", "v2", code=2, env={"CHAT_URL": ""})
    assert "notify[0]: CHAT_URL is not set in your environment" in said.text and "nothing was touched" in said.text

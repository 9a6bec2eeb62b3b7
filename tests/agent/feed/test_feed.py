"""The call as the operator makes it: what it tells, what it does on a host that cannot listen, and when it stops to."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shipway.execute.feed_keys import credentials
from shipway_agent.body import Body
from shipway_agent.call import Call, Place
from shipway_agent.feed import feed, orders
from shipway_agent.root import Root
from tests.agent.feed.sides import CONTENT, WANTED, digest_of, until


class Calling:
    """One call under way in a thread, and what the operator hears of it."""

    def __init__(self, root: Root) -> None:
        self.body = Body()
        self.told: list[Mapping[str, Any]] = []
        self.answer: dict[str, Any] = {}
        place = Place(root, "/nowhere", "a", "agent")
        call = Call(place, {"peers": 1, "credentials": credentials("a")["a"]}, self.body, self.told.append, threading.Event())
        self.thread = threading.Thread(target=lambda: self.answer.update(feed.feed(call)))
        self.thread.start()

    def hears(self, kind: str) -> Mapping[str, Any]:
        """The first event of that kind, once it is told."""
        until(lambda: any(event["event"] == kind for event in self.told))
        return next(event for event in self.told if event["event"] == kind)

    def close(self) -> None:
        self.body.feed(b"")
        self.thread.join()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    with Root(str(tmp_path), create=True) as root:
        yield root


def test_a_host_whose_python_has_no_ssl_is_fed_by_the_operator(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ssl", None)
    for name in ("credentials", "give", "take"):
        monkeypatch.delitem(sys.modules, f"shipway_agent.feed.{name}", raising=False)
    calling = Calling(root)
    try:
        assert calling.hears("listening")["port"] is None
        calling.body.feed(orders.want(WANTED.items()) + orders.end() + orders.peers([("1", ["127.0.0.1:1"])]))
        wants = calling.hears("wants")
        assert wants["alone"] is True
        assert wants["parcels"] == list(WANTED)
        for data in CONTENT:
            for part in orders.content(digest_of(data), data):
                calling.body.feed(part)
        calling.hears("whole")
    finally:
        calling.close()
    wanted = {"operator": sum(WANTED.values()), "peers": {}, "lied": [], "unreached": [], "whole": True, "unpacked": None}
    assert calling.answer == wanted


def test_a_listener_that_nobody_talks_to_closes(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the operator's machine has vanished without a word, and its connection still stands for hours."""
    monkeypatch.setattr(feed, "NOBODY_SECONDS", 0.2)
    calling = Calling(root)
    try:
        port = calling.hears("listening")["port"]

        def refused() -> bool:
            try:
                socket.create_connection(("127.0.0.1", port), 10).close()
            except ConnectionRefusedError:
                return True
            return False

        until(refused)
        assert calling.thread.is_alive()
    finally:
        calling.close()
    assert calling.answer["whole"] is False

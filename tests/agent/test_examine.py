"""What a host is asked beside its facts: who holds its address, and processes that carry its marker and belong to nobody."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock
from shipway_agent.call import Call, Place
from shipway_agent.examine import examine
from shipway_agent.group import MARKER
from tests.agent.workshop import Workshop, workshop
from tests.stories.project import eventually

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with workshop(tmp_path / "root") as one:
        yield one


def ask(shop: Workshop, listen: str | None = None) -> dict[str, Any]:
    place = Place(shop.root, str(shop.home / "proxy"), "a", "agent")
    with Call(place, {"listen": listen}, (), lambda event: None, shop.ended) as call:
        return examine(call)


def test_an_address_is_free_or_somebody_has_it(shop: Workshop) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        assert f"process {os.getpid()}" in ask(shop, address)["listen"]
    assert ask(shop, address)["listen"] is None
    assert ask(shop)["listen"] is None, "where nothing is to listen nothing is asked"


def test_a_process_with_our_marker_and_no_row_is_named_until_it_is_gone(shop: Workshop) -> None:
    assert ask(shop)["strays"] == []
    markers = (f"{shop.root.digest}/7/web/2/cafe", "0123456789abcdef/7/web/2/cafe")
    children = [subprocess.Popen(SLEEPER, env={**os.environ, MARKER: marker}, stdout=subprocess.PIPE, text=True) for marker in markers]
    try:
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == "up\n"
        assert ask(shop)["strays"] == [{"pid": children[0].pid, "copy": "web.2", "generation": 7}]
    finally:
        for child in children:
            child.kill()
            child.communicate()
    assert ask(shop)["strays"] == []


def test_a_task_whose_agent_is_gone_is_named_with_the_time_that_it_has(shop: Workshop) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    marker = f"task/{shop.root.digest}/2-x/task%3Amigrate/{gone.pid}/1/{clock.boot_now() + 300:.3f}"
    child = subprocess.Popen(SLEEPER, env={**os.environ, MARKER: marker}, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None and child.stdout.readline() == "up\n"
        (orphan,) = ask(shop)["orphans"]
        assert (orphan["deployment"], orphan["task"]) == ("2-x", "migrate")
        assert 0 < orphan["seconds_left"] <= 300
    finally:
        child.kill()
        child.communicate()
    eventually(lambda: ask(shop)["orphans"] == [], "it is gone")

"""What follows from the record is made true: the link first, then the daemon is told."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from shipway_agent.apply import SOCKET, Applied, apply, point, pointed, poke
from shipway_agent.errors import AgentError, Foreign
from shipway_agent.journal import Journal, ProcessRow
from shipway_agent.primitives import generations
from shipway_agent.primitives.member import decide
from shipway_agent.root import Root
from shipway_agent.states import COMMITTED, REVERTED

NOW = 100.0
WEB = {"name": "web", "run": "web", "instances": 2, "listens": "port", "overlap": True}
WORKER = {"name": "worker", "run": "worker", "instances": 1, "listens": None, "overlap": True}


@pytest.fixture
def journal(root: Root) -> Iterator[Journal]:
    with Journal(root) as opened:
        opened.name_member("b")
        yield opened


def go(journal: Journal, number: int, to: str = "switched") -> None:
    """A deployment led by another host, up to a stage; its generation is on disk."""
    root = journal.root
    root.at(generations.place(number), create=True).close()
    document = {"number": number, "release": "r", "processes": [WEB, WORKER]}
    root.write(f"{generations.place(number)}/generation.json", json.dumps(document).encode())
    lease: dict[str, Any] = {"owner": "x", "seconds": 30.0, "lead": "a", "members": ["a", "b"], "confirm_seconds": 60.0}
    path = ["lease", "vote", "start", "ready", "arm", "switched"]
    for do in path[: path.index(to) + 1]:
        say(journal, do, number, **(lease if do == "lease" else {}))


def say(journal: Journal, do: str, number: int, now: float = NOW, **more: Any) -> None:
    assert journal.decide({"do": do, "deployment": f"d{number}", "fence": number, **more}, now)["ok"]


def committed(journal: Journal, number: int) -> None:
    say(journal, "tell", number, decision=COMMITTED)
    say(journal, "finish", number)


def up(journal: Journal, number: int, healthy: bool = True) -> None:
    journal.put_process(ProcessRow(number, "web", 1, "t", "up", "127.0.0.1:1", healthy=healthy))


def test_a_host_without_a_deployment_has_no_link(root: Root, journal: Journal) -> None:
    assert apply(root, journal) == Applied(None, moved=False, held=False)
    assert root.stat("current") is None


def test_the_link_goes_where_the_record_says_and_only_then_is_moved(root: Root, journal: Journal) -> None:
    go(journal, 1)
    assert apply(root, journal) == Applied(1, moved=True, held=False)
    assert os.readlink(f"{root.path}/current") == "generations/000001" and pointed(root) == 1
    assert apply(root, journal) == Applied(1, moved=False, held=False)


@pytest.mark.parametrize("happened", [False, True], ids=["before the rename", "after it"])
def test_while_a_switch_is_armed_the_link_is_left_as_it_is_found(root: Root, journal: Journal, happened: bool) -> None:
    go(journal, 1)
    committed(journal, 1)
    apply(root, journal)
    go(journal, 2, "arm")
    if happened:
        point(root, 2)
    assert apply(root, journal) == Applied(2 if happened else 1, moved=False, held=False)
    say(journal, "tell", 2, decision=REVERTED)
    assert apply(root, journal).link == 1


def test_an_undo_of_the_first_deployment_takes_the_link_away(root: Root, journal: Journal) -> None:
    go(journal, 1)
    apply(root, journal)
    say(journal, "tell", 1, decision=REVERTED)
    assert apply(root, journal) == Applied(None, moved=True, held=False)
    assert root.stat("current") is None


def gone_back(root: Root, journal: Journal) -> None:
    """Generation 1 serves, generation 2 was switched to, and this host has gone back alone."""
    go(journal, 1)
    committed(journal, 1)
    up(journal, 1)
    go(journal, 2)
    apply(root, journal)
    say(journal, "alone", 2, NOW + 1000)
    assert apply(root, journal) == Applied(1, moved=True, held=False), "at once, whatever runs"


def test_a_host_that_had_gone_back_goes_forward_when_its_listeners_are_up_again(root: Root, journal: Journal) -> None:
    gone_back(root, journal)
    say(journal, "tell", 2, decision=COMMITTED)
    assert apply(root, journal) == Applied(1, moved=False, held=True), "what serves goes on serving until then"
    up(journal, 2, healthy=False)
    assert apply(root, journal).held
    up(journal, 2)
    assert apply(root, journal) == Applied(2, moved=True, held=False)


def test_it_does_not_wait_when_nothing_serves_anyway(root: Root, journal: Journal) -> None:
    gone_back(root, journal)
    journal.delete_process(1, "web", 1)
    say(journal, "tell", 2, decision=COMMITTED)
    assert apply(root, journal) == Applied(2, moved=True, held=False)


def test_a_way_back_never_waits(root: Root, journal: Journal) -> None:
    go(journal, 1)
    committed(journal, 1)
    go(journal, 2)
    up(journal, 2)
    apply(root, journal)
    say(journal, "tell", 2, decision=REVERTED)
    assert apply(root, journal) == Applied(1, moved=True, held=False)


def test_the_daemon_is_poked_and_its_absence_is_no_fault(root: Root, journal: Journal) -> None:
    assert not poke(root)
    with root.bind("supervisor.sock") as daemon:
        go(journal, 1)
        apply(root, journal)
        assert json.loads(daemon.recv(4096)) == {}
        assert poke(root, {"end": True})
        assert json.loads(daemon.recv(4096)) == {"end": True}


@pytest.mark.parametrize("target", ["/etc", "releases/abc", "generations/", "generations/latest", "../generations/000001"])
def test_a_link_that_somebody_else_made_is_refused(root: Root, target: str) -> None:
    os.symlink(target, f"{root.path}/current")
    with pytest.raises(Foreign, match="points at"):
        pointed(root)


def test_a_directory_in_the_place_of_the_link_is_refused(root: Root, journal: Journal) -> None:
    os.mkdir(f"{root.path}/current")
    go(journal, 1)
    with pytest.raises(Foreign):
        apply(root, journal)


def test_to_acknowledge_a_commit_a_host_that_had_gone_back_serves_first(root: Root, journal: Journal) -> None:
    gone_back(root, journal)

    def daemon() -> None:
        with Journal(root) as own:
            up(own, 2)

    later = threading.Timer(0.3, daemon)
    later.start()
    try:
        reply = decide(root, journal, {"do": "tell", "deployment": "d2", "fence": 2, "decision": COMMITTED})
    finally:
        later.join()
    assert reply == {"ok": True, "decision": COMMITTED}
    assert pointed(root) == 2


def test_a_host_that_does_not_get_there_is_behind_and_says_so_again(root: Root, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shipway_agent.primitives.member.SERVE_SECONDS", 0.2)
    gone_back(root, journal)
    for _ in range(2):
        with pytest.raises(AgentError, match=r"committed, and after 0\.2 s it does not serve here yet") as caught:
            decide(root, journal, {"do": "tell", "deployment": "d2", "fence": 2, "decision": COMMITTED})
        assert caught.value.code == "behind"
    assert pointed(root) == 1, "what serves goes on serving"


def test_the_daemon_hears_of_each_message_that_it_has_something_to_do_behind_and_of_no_other(root: Root, journal: Journal) -> None:
    go(journal, 1)
    committed(journal, 1)
    lease = {"owner": "x", "seconds": 30.0, "lead": "a", "members": ["a", "b"], "confirm_seconds": 60.0}
    with root.bind(SOCKET) as daemon:

        def is_heard(do: str, number: int, **more: Any) -> bool:
            assert decide(root, journal, {"do": do, "deployment": f"d{number}", "fence": number, **more})["ok"], do
            try:
                return daemon.recv(100) == b"{}"
            except BlockingIOError:
                return False

        told = {
            do: is_heard(do, 2, **{"seconds": 30.0, **(lease if do == "lease" else {})})
            for do in ("lease", "vote", "start", "ready", "renew")
        }
        assert told == {"lease": True, "vote": False, "start": True, "ready": False, "renew": False}
        assert is_heard("finish", 2), "what was not decided ends here"
        assert is_heard("lease", 3, **lease) and is_heard("tell", 3, decision=REVERTED)
        assert not is_heard("finish", 3), "only its lease ends"

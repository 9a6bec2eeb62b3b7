"""What hosts decide when no driver speaks: confirm or revert, by daemons that only have their clocks and each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock, peers
from shipway_agent.apply import pointed
from shipway_agent.decide import UNNAMED, Attempt, Member
from shipway_agent.journal import CANNOT_ASK, PEER_PORT, Journal
from shipway_agent.lead import Lead
from shipway_agent.peers import Heard
from shipway_agent.primitives import peers as primitive
from shipway_agent.root import Root
from shipway_agent.watchdog import TRIES_BEFORE_ALONE, Watchdog, may_decide
from tests.agent.lodge import Lodge, lodge, process, wait

KEY = "5" * 64
MEMBERS = ("a", "b")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Lodge, Lodge]]:
    """Two hosts with daemons, serving generation 1; a leads."""
    with lodge(tmp_path / "a", name="a") as a, lodge(tmp_path / "b", name="b") as b:
        for host in (a, b):
            host.ensure()
            for number in (1, 2):
                host.generation(number, process(), process("worker", None, drain_seconds=1.0))
            host.serve(1)
        yield a, b


def port_of(lead: Lodge) -> int:
    return int(wait(lambda: lead.journal.meta(PEER_PORT), what="the lead listens"))


def switch(pair: tuple[Lodge, Lodge], *, seconds: float, confirm_seconds: float) -> None:
    """Both have switched to generation 2, undecided; the driver is silent from here on."""
    for host in pair:
        host.lease(2, seconds=60.0, confirm_seconds=confirm_seconds, members=MEMBERS, peer_key=KEY)
    addresses = [f"127.0.0.1:{port_of(pair[0])}"]
    for host in pair:
        host.decide("vote", 2, peers=addresses)
        host.decide("start", 2)
    for host in pair:
        host.wait_up(2)
        for do in ("ready", "arm"):
            host.decide(do, 2)
        host.root.link("current", "generations/000002")
        host.decide("switched", 2)
        host.decide("renew", 2, seconds=seconds)


def stage(host: Lodge) -> str:
    attempt = host.journal.member().attempt("d-2")
    return attempt.stage if attempt is not None else "unknown"


def serves(host: Lodge, number: int) -> bool:
    """Whether the link is there, and no copy of another generation runs."""
    return pointed(host.root) == number and {row.generation for row in host.rows() if row.state == "up"} == {number}


# ------------------------------------------------------- with real daemons


def test_an_unconfirmed_generation_goes_back_at_its_deadline_on_every_host(pair: tuple[Lodge, Lodge]) -> None:
    a, b = pair
    switch(pair, seconds=0.5, confirm_seconds=1.0)
    wait(lambda: stage(a) == stage(b) == "reverted")
    for host in pair:
        wait(partial(serves, host, 1))
        host.wait_row(1, "worker")


def test_a_single_host_needs_nobody(tmp_path: Path) -> None:
    with lodge(tmp_path / "a") as host:
        host.ensure()
        host.generation(1, process())
        host.generation(2, process())
        host.serve(1)
        host.switch(2, confirm_seconds=0.5)
        host.decide("renew", 2, seconds=0.2)
        wait(lambda: stage(host) == "reverted" and serves(host, 1))
        assert host.journal.meta(PEER_PORT) is None


@pytest.mark.slow
def test_on_a_first_deployment_nothing_is_current_after_the_deadline(tmp_path: Path) -> None:
    with lodge(tmp_path / "a") as host:
        host.ensure()
        host.generation(2, process(), process("worker", None, drain_seconds=1.0))
        host.switch(2, confirm_seconds=0.5)
        host.decide("renew", 2, seconds=0.2)
        wait(lambda: stage(host) == "reverted" and pointed(host.root) is None)
        wait(lambda: not host.living())


def test_a_member_waits_while_the_lead_says_wait_and_follows_its_commit(pair: tuple[Lodge, Lodge]) -> None:
    """The driver renews the lead only: a link to b is gone."""
    a, b = pair
    switch(pair, seconds=0.5, confirm_seconds=0.5)
    a.decide("renew", 2, seconds=60.0)
    wait(lambda: not b.journal.member().lease, what="b's lease has run out")
    asked = threading.Event()
    assert not asked.wait(1.5)  # time for several questions
    assert stage(b) == "switched"
    a.decide("commit", 2)
    wait(lambda: stage(b) == "committed")
    for host in pair:
        wait(partial(serves, host, 2))


def test_the_lead_listens_until_the_other_serves_what_was_decided(pair: tuple[Lodge, Lodge]) -> None:
    a, b = pair
    switch(pair, seconds=60.0, confirm_seconds=60.0)
    a.decide("commit", 2)
    a.decide("finish", 2)
    assert a.journal.meta(PEER_PORT) is not None
    b.decide("tell", 2, decision="committed")
    wait(lambda: a.journal.meta(PEER_PORT) is None, what="the lead stopped listening")
    assert peers.acknowledgements(a.journal, "d-2") == {"b"}


def test_a_member_that_cannot_reach_the_lead_goes_back_alone_and_forward_again_when_the_lead_had_committed(
    pair: tuple[Lodge, Lodge],
) -> None:
    a, b = pair
    switch(pair, seconds=0.5, confirm_seconds=1.0)
    port = port_of(a)
    a.kill_daemon()
    a.decide("renew", 2, seconds=60.0)
    a.decide("commit", 2)
    wait(lambda: stage(b) == "back")
    wait(lambda: pointed(b.root) == 1)
    assert [event["data"]["why"].startswith("127.0.0.1:") for event in b.journal.events(0, "d-2", 1000, "alone")] == [True]
    a.ensure()
    assert port_of(a) == port  # reopened where the members look for it
    wait(lambda: stage(b) == "committed")
    wait(lambda: serves(b, 2))
    wait(lambda: a.journal.meta(PEER_PORT) is None)


@pytest.mark.slow
def test_forward_again_means_that_the_new_listeners_are_up_before_the_old_ones_lose_the_link(pair: tuple[Lodge, Lodge]) -> None:
    """Going forward after having gone back: no instant without a healthy listener behind the link."""
    a, b = pair
    switch(pair, seconds=0.5, confirm_seconds=0.5)
    port_of(a)
    a.kill_daemon()
    a.decide("renew", 2, seconds=60.0)
    a.decide("commit", 2)
    wait(lambda: stage(b) == "back" and serves(b, 1))
    failures: list[str] = []
    done = threading.Event()

    def watch() -> None:
        with Root(b.root.path) as root, Journal(root) as journal:
            while not done.wait(0.005):
                number = pointed(root)
                up = {row.generation for row in journal.processes() if row.state in ("up", "draining") and row.healthy and row.address}
                if number not in up and number == pointed(root):
                    failures.append(f"link at {number}, up {up}")

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        a.ensure()
        wait(lambda: stage(b) == "committed" and serves(b, 2))
    finally:
        done.set()
        watcher.join()
    assert not failures


@pytest.mark.slow
def test_a_forged_answer_does_not_move_a_member(pair: tuple[Lodge, Lodge]) -> None:
    """b is told an address where somebody answers who has another key."""
    a, b = pair
    with lodge(Path(a.root.path).parent / "forger", name="a") as forger:
        forger.lease(2, members=MEMBERS, peer_key="6" * 64)
        for do in ("vote", "start", "ready", "arm", "switched", "commit"):
            forger.decide(do, 2)
        lead = Lead(forger.root, "127.0.0.1", 0, lambda: None)
        try:
            b.lease(2, confirm_seconds=0.5, members=MEMBERS, peer_key=KEY)
            b.decide("vote", 2, peers=[f"127.0.0.1:{lead.port}"])
            b.decide("start", 2)
            b.wait_up(2)
            for do in ("ready", "arm"):
                b.decide(do, 2)
            b.root.link("current", "generations/000002")
            b.decide("switched", 2)
            b.decide("renew", 2, seconds=0.2)
            wait(lambda: stage(b) == "back")  # as if nobody had answered
            wait(lambda: pointed(b.root) == 1)
        finally:
            lead.close()


@pytest.mark.slow
def test_a_member_tries_its_lead_before_it_has_to(pair: tuple[Lodge, Lodge]) -> None:
    a, b = pair
    for host in pair:
        host.lease(2, members=MEMBERS, peer_key=KEY)
    port = port_of(a)
    for host in pair:
        host.decide("vote", 2, addresses={"a": [f"127.0.0.1:{port}"], "b": []})
    assert primitive.reach(a.context(2), {}) == primitive.reach(b.context(2), {}) == {"reached": True, "why": ""}
    a.kill_daemon()
    found = primitive.reach(b.context(2), {})
    assert not found["reached"]
    assert found["why"].startswith(f"127.0.0.1:{port}: ")
    assert b.journal.meta(CANNOT_ASK) == found["why"], "and the next plan can name it"
    assert stage(b) == "prepared"


@pytest.mark.slow
def test_a_driver_may_say_who_acknowledged(pair: tuple[Lodge, Lodge]) -> None:
    """b cannot reach the lead, but the driver reaches b."""
    a, b = pair
    switch(pair, seconds=60.0, confirm_seconds=60.0)
    b.kill_daemon()
    a.decide("commit", 2)
    b.decide("tell", 2, decision="committed")
    assert a.journal.meta(PEER_PORT) is not None
    primitive.acknowledged(a.context(2), {"members": ["b"]})
    wait(lambda: a.journal.meta(PEER_PORT) is None)


# -------------------------------------------------------- turn by turn


class Turns:
    """A watchdog of member b whose questions are answered by the test."""

    def __init__(self, root: Root) -> None:
        self.journal = Journal(root)
        self.journal.name_member("b")
        self.now = 1000.0
        self.heard = Heard(False, why="nobody")
        self.asked: list[str] = []
        self.addresses: list[list[str]] = []
        self.woken = threading.Event()
        self.watchdog = Watchdog(self.journal, self.woken.set, self._answer)

    def _answer(self, document: Any, deployment: str, member: str, do: str, least_term: int) -> Heard:
        self.asked.append(do)
        self.addresses.append(list(document["peers"]))
        return self.heard

    def decide(self, do: str, **more: Any) -> None:
        reply = self.journal.decide({"do": do, "deployment": "d-1", "fence": 1, **more}, self.now)
        assert reply["ok"], reply

    def switch(self, told: Mapping[str, Any] = {}, members: Sequence[str] = ("a", "b")) -> None:
        document = {"peer_key": KEY, "peers": ["127.0.0.1:1"], **told}
        self.decide("lease", owner="ann", seconds=10.0, lead="a", members=list(members), confirm_seconds=30.0, document=document)
        for do in ("vote", "start", "ready", "arm", "switched"):
            self.decide(do)

    def turn(self, after: float = 0.0, serves: Callable[[Attempt], bool] = lambda attempt: True) -> bool:
        """A turn; when it asks, its answer is waited for, and acted upon in a second one."""
        self.now += after
        changed = self.watchdog.turn(self.journal.member(), self.now, serves)
        if any(question.asking for question in self.watchdog._questions.values()):
            assert self.woken.wait(30)
            self.woken.clear()
            changed = self.watchdog.turn(self.journal.member(), self.now, serves) or changed
        return changed

    @property
    def stage(self) -> str:
        return self.journal.member().attempts[0].stage


@pytest.fixture
def turns(tmp_path: Path) -> Iterator[Turns]:
    with Root(str(tmp_path / "b"), create=True) as root:
        one = Turns(root)
        yield one
        one.journal.close()


def test_nothing_is_asked_before_the_deadline_nor_while_the_driver_lives(turns: Turns) -> None:
    turns.switch()
    assert not turns.turn(after=9.0)
    turns.decide("renew", seconds=60.0)
    assert not turns.turn(after=40.0)
    assert turns.asked == []
    assert turns.stage == "switched"


def test_it_goes_back_alone_only_after_the_lead_was_tried_twice(turns: Turns) -> None:
    turns.switch()
    turns.turn(after=31.0)
    assert (turns.asked, turns.stage) == ([peers.ASK], "switched")
    turns.turn(after=1.0)
    assert (turns.asked, turns.stage) == ([peers.ASK] * TRIES_BEFORE_ALONE, "back")
    assert turns.journal.member().current is None


def test_it_goes_on_asking_less_and_less_often_after_it_went_back(turns: Turns) -> None:
    turns.switch()
    turns.turn(after=31.0)
    for _ in range(60):
        turns.turn(after=1.0)
    assert 5 <= len(turns.asked) <= 20


def test_wait_resets_the_count_of_silence(turns: Turns) -> None:
    turns.switch()
    turns.turn(after=31.0)
    turns.heard = Heard(True, None)
    turns.turn(after=1.0)
    turns.heard = Heard(False, why="nobody")
    turns.turn(after=1.0)
    assert turns.stage == "switched"


@pytest.mark.parametrize("decision", ["committed", "reverted"])
@pytest.mark.parametrize("back", [False, True])
def test_the_leads_decision_is_followed_also_after_going_back(turns: Turns, decision: str, back: bool) -> None:
    turns.switch()
    turns.now += 30.0
    while back and turns.stage != "back":
        turns.turn(after=1.0)
    turns.heard = Heard(True, decision)
    while turns.stage not in ("committed", "reverted"):
        turns.turn(after=11.0)
    assert turns.stage == decision
    assert turns.journal.member().current == (1 if decision == "committed" else None)


def test_a_decision_is_acknowledged_once_it_is_served_and_not_before(turns: Turns) -> None:
    turns.switch()
    turns.decide("tell", decision="committed")
    turns.heard = Heard(True, "committed")
    turns.turn(serves=lambda attempt: False)
    turns.turn(after=100.0)
    turns.turn(after=1.0)
    assert turns.asked == [], "a driver that lives says it for all"
    turns.turn(after=2.0)
    turns.heard = Heard(True, "committed", whole=True)
    turns.turn(after=100.0)
    assert turns.asked == [peers.ACKNOWLEDGE] * 2, "and again until the lead says that everybody has"
    turns.turn(after=100.0)
    assert turns.asked == [peers.ACKNOWLEDGE] * 2
    assert peers.acknowledgements(turns.journal, "d-1") == {"a", "b"}


def test_among_many_everybody_is_one_word(turns: Turns) -> None:
    turns.switch({UNNAMED: 40})
    turns.decide("tell", decision="committed")
    turns.heard = Heard(True, "committed", whole=True)
    turns.turn()
    turns.turn(after=100.0)
    assert peers.acknowledgements(turns.journal, "d-1") == {"a", "b", "*"}
    assert not turns.watchdog.waits(turns.journal.member())


def test_behind_a_silent_lead_some_others_are_asked_and_each_time_other_ones(turns: Turns) -> None:
    """Each may take three seconds not to answer: asking all of many would keep a host from going back for hours."""
    others = [f"c{number}" for number in range(6)]
    turns.switch({"addresses": {name: [f"{name}:1"] for name in ("a", *others)}}, ("a", "b", *others))
    turns.turn(after=31.0)
    turns.turn(after=1.0)
    assert turns.stage == "back"
    assert turns.addresses == [["a:1", "c0:1", "c1:1", "c2:1", "c3:1"], ["a:1", "c4:1", "c5:1", "c0:1", "c1:1"]]


# ------------------------------------------- a decision of an earlier term


def committed_and_away(turns: Turns) -> Member:
    """The host was away when its deployment was decided on; it has *committed* on record, and knows of nobody else who has."""
    turns.switch()
    turns.decide("tell", decision="committed")
    return turns.journal.member()


def test_before_it_serves_a_host_follows_the_record_of_a_higher_term(turns: Turns) -> None:
    member = committed_and_away(turns)
    turns.heard = Heard(True, "reverted", term=1, lead="c")
    assert turns.watchdog.recall(member) is None
    attempt = turns.journal.member().attempts[0]
    assert (attempt.stage, attempt.term, attempt.lead) == ("reverted", 1, "c")
    assert turns.journal.member().current is None


def test_the_same_record_elsewhere_changes_nothing(turns: Turns) -> None:
    member = committed_and_away(turns)
    turns.heard = Heard(True, "committed", lead="a")
    assert turns.watchdog.recall(member) is None
    assert turns.stage == "committed"


def test_with_nobody_to_ask_it_serves_what_its_record_says_loudly_and_goes_on_asking(turns: Turns) -> None:
    member = committed_and_away(turns)
    words = turns.watchdog.recall(member)
    assert words is not None and "no other host can be asked whether d-1 is still committed" in words
    assert [event["data"]["members"] for event in turns.journal.events(0, "d-1", 10, "unheard")] == [["a"]]
    assert turns.stage == "committed"
    assert turns.watchdog.waits(turns.journal.member())


def test_a_host_asks_nobody_when_all_are_known_to_serve_what_was_decided(turns: Turns) -> None:
    committed_and_away(turns)
    peers.acknowledge(turns.journal, "d-1", ["a", "b"])
    assert turns.watchdog.recall(turns.journal.member()) is None
    assert turns.asked == []


def test_time_alone_matters_only_when_something_can_run_out() -> None:
    member = Member("a", attempts=(Attempt("d-1", 1, "switched", "a", ("a",), 60.0, deadline=50.0),))
    assert not may_decide(member, 49.0)
    assert may_decide(member, 50.0)
    assert not may_decide(Member("a"), clock.boot_now())

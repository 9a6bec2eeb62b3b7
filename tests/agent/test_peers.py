"""A member's question and the lead's answer over TCP, and what a forger gets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock, peers
from shipway_agent.decide import UNNAMED, Attempt, Member
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.lead import EVERYWHERE, Lead
from shipway_agent.root import Root

KEY = "5" * 64


class Leading:
    """A lead with one deployment of three members, and its listener."""

    def __init__(self, home: Path) -> None:
        self.root = Root(str(home), create=True)
        self.journal = Journal(self.root)
        self.journal.name_member("a")
        self.changed = threading.Event()
        self.lead = Lead(self.root, "127.0.0.1", 0, self.changed.set)
        self.document = {"peer_key": KEY, "peers": [f"127.0.0.1:{self.lead.port}"]}

    def decide(self, do: str, **more: Any) -> None:
        reply = self.journal.decide({"do": do, "deployment": "d-1", "fence": 1, **more}, clock.boot_now())
        assert reply["ok"], reply

    def lease(self, seconds: float, told: Mapping[str, Any] = {}) -> None:
        document = {"peer_key": KEY, **told}
        self.decide("lease", owner="ann", seconds=seconds, lead="a", members=["a", "b", "c"], confirm_seconds=60.0, document=document)

    def close(self) -> None:
        self.lead.close()
        self.journal.close()
        self.root.close()


@pytest.fixture
def leading(tmp_path: Path) -> Iterator[Leading]:
    one = Leading(tmp_path / "a")
    yield one
    one.close()


def ask(leading: Leading, **more: Any) -> peers.Heard:
    return peers.ask({**leading.document, **more}, "d-1", "b")


def test_while_the_driver_lives_the_lead_says_wait(leading: Leading) -> None:
    leading.lease(60)
    assert ask(leading) == peers.Heard(True, None, lead="a")
    assert leading.journal.member().attempts[0].stage == "leased"


def test_when_the_driver_is_silent_the_lead_writes_reverted_and_then_says_so(leading: Leading) -> None:
    leading.lease(0.0)
    assert ask(leading) == peers.Heard(True, "reverted", lead="a")
    assert leading.journal.member().attempts[0].stage == "reverted"
    assert leading.changed.wait(30)


def test_a_decision_is_told_to_every_member_that_asks(leading: Leading) -> None:
    leading.lease(60)
    for do in ("vote", "start", "ready", "arm", "switched", "commit"):
        leading.decide(do)
    assert ask(leading) == peers.Heard(True, "committed", lead="a")
    assert peers.ask(leading.document, "d-1", "c") == peers.Heard(True, "committed", lead="a")


def test_a_question_with_another_key_gets_no_answer_and_changes_nothing(leading: Leading) -> None:
    leading.lease(0.0)
    heard = ask(leading, peer_key="6" * 64)
    assert not heard.reached
    assert "does not take the question" in heard.why
    assert leading.journal.member().attempts[0].stage == "leased"


def test_a_host_that_is_no_member_gets_no_answer(leading: Leading) -> None:
    leading.lease(0.0)
    assert not peers.ask(leading.document, "d-1", "mallory").reached
    assert not peers.ask(leading.document, "d-2", "b").reached


def test_an_answer_that_is_not_the_leads_is_not_believed() -> None:
    """A forger in the lead's place replays an answer with a MAC of its own."""
    with socket.socket() as forger:
        forger.bind(("127.0.0.1", 0))
        forger.listen()

        def answer() -> None:
            connection, _ = forger.accept()
            with connection:
                question = json.loads(connection.recv(4096))
                said = {"decision": "committed", "term": 9, "lead": "a", "whole": True}
                mac = peers._mac("6" * 64, ["answer", "ask", "d-1", "b", question["nonce"], *peers._parts(said)])
                connection.sendall(json.dumps({**said, "mac": mac}).encode() + b"\n")

        thread = threading.Thread(target=answer)
        thread.start()
        heard = peers.ask({"peer_key": KEY, "peers": [f"127.0.0.1:{forger.getsockname()[1]}"]}, "d-1", "b")
        thread.join()
    assert not heard.reached
    assert "not from the lead" in heard.why


def test_an_answer_to_an_earlier_question_is_not_believed(leading: Leading) -> None:
    leading.lease(60)
    nonce = "0" * 32
    mac = peers._mac(KEY, ["question", "ask", "d-1", "b", nonce])
    line = json.dumps({"do": "ask", "deployment": "d-1", "member": "b", "nonce": nonce, "mac": mac}).encode()
    recorded = peers.answer(leading.journal, line, clock.boot_now())
    assert recorded is not None
    with socket.socket() as replayer:
        replayer.bind(("127.0.0.1", 0))
        replayer.listen()

        def answer() -> None:
            connection, _ = replayer.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(recorded)

        thread = threading.Thread(target=answer)
        thread.start()
        heard = peers.ask({"peer_key": KEY, "peers": [f"127.0.0.1:{replayer.getsockname()[1]}"]}, "d-1", "b")
        thread.join()
    assert not heard.reached


def test_reaching_the_lead_decides_nothing(leading: Leading) -> None:
    leading.lease(0.0)
    assert peers.try_reach(leading.document, "d-1", "b") is None
    assert leading.journal.member().attempts[0].stage == "leased"


def test_a_lead_that_cannot_be_reached_is_named_with_its_address(leading: Leading) -> None:
    leading.lead.close()
    why = peers.try_reach(leading.document, "d-1", "b")
    assert why is not None
    assert why.startswith(leading.document["peers"][0])
    assert peers.try_reach({}, "d-1", "b") == "the deployment names no address of its lead"
    leading.lead = Lead(leading.root, "127.0.0.1", leading.lead.port, leading.changed.set)  # the same port again


def test_the_second_address_is_tried_when_the_first_is_silent(leading: Leading) -> None:
    leading.lease(60)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert ask(leading, peers=[f"127.0.0.1:{nobody.getsockname()[1]}", *leading.document["peers"]]).reached


def test_hosts_of_other_machines_reach_the_lead_by_ipv4_and_ipv6(leading: Leading) -> None:
    leading.lease(60)
    everywhere = Lead(leading.root, EVERYWHERE, 0, leading.changed.set)
    try:
        for host in ["127.0.0.1", *(["[::1]"] if socket.has_dualstack_ipv6() else [])]:
            assert ask(leading, peers=[f"{host}:{everywhere.port}"]).reached
    finally:
        everywhere.close()


def test_a_port_that_is_taken_is_named(leading: Leading) -> None:
    with pytest.raises(AgentError, match="cannot listen for the other hosts on 127") as error:
        Lead(leading.root, "127.0.0.1", leading.lead.port, leading.changed.set)
    assert error.value.code == "port"


def test_slow_callers_and_noise_hold_up_nobody(leading: Leading) -> None:
    leading.lease(60)
    idle = [socket.create_connection(("127.0.0.1", leading.lead.port)) for _ in range(100)]
    try:
        for one in idle[:20]:
            one.sendall(b"\xff" * 100)
        began = time.monotonic()
        assert ask(leading).reached
        assert time.monotonic() - began < peers.PATIENCE_SECONDS
        idle[-1].settimeout(30)
        assert idle[-1].recv(1) == b""  # and is sent away in the end
    finally:
        for one in idle:
            one.close()


def test_an_acknowledgement_is_recorded_once_and_only_of_what_is_decided(leading: Leading) -> None:
    leading.lease(60)
    assert not peers.ask(leading.document, "d-1", "b", do=peers.ACKNOWLEDGE).reached
    for do in ("vote", "start", "ready", "arm", "switched", "commit"):
        leading.decide(do)
    for _ in range(2):
        assert peers.ask(leading.document, "d-1", "b", do=peers.ACKNOWLEDGE) == peers.Heard(True, "committed", lead="a")
    assert peers.acknowledgements(leading.journal, "d-1") == {"b"}
    peers.acknowledge(leading.journal, "d-1", ["b", "c"])
    assert [e["data"] for e in leading.journal.events(0, "d-1", 100, peers.ACKNOWLEDGED)] == [{"members": ["b"]}, {"members": ["c"]}]


# ------------------------------------------------------- when the lead listens


def attempt(number: int, stage: str, members: str = "abc", lead: str = "a") -> Attempt:
    return Attempt(f"d-{number}", number, stage, lead, tuple(members), 60.0)


def awaits(
    *attempts: Attempt, acknowledged: dict[str, str] | None = None, name: str = "a", left: dict[str, int] | None = None, fence: int = 0
) -> list[str]:
    member = Member(name, fence=fence, attempts=attempts, left=left or {})
    return [one.deployment for one in peers.awaited(member, lambda deployment: set((acknowledged or {}).get(deployment, "")))]


def test_the_lead_listens_from_the_lease_on_until_all_have_acknowledged() -> None:
    assert awaits(attempt(1, "leased")) == ["d-1"]
    assert awaits(attempt(1, "switched")) == ["d-1"]
    assert awaits(attempt(1, "committed")) == ["d-1"]
    assert awaits(attempt(1, "committed"), acknowledged={"d-1": "b"}) == ["d-1"]
    assert awaits(attempt(1, "committed"), acknowledged={"d-1": "bc"}) == []


def test_a_lead_that_only_prepared_listens_for_those_that_may_have_switched() -> None:
    discarded = attempt(1, "discarded")
    assert awaits(discarded, fence=1) == ["d-1"]
    assert awaits(discarded, attempt(2, "leased"), fence=2) == ["d-2", "d-1"], "a lease alone settles nothing"
    assert awaits(discarded, attempt(2, "prepared"), fence=2) == ["d-2"], "before it was prepared, a later one settled what was open"
    assert awaits(replace(discarded, document={"let_go": True}), fence=1) == [], "its driver ended it before anybody switched"
    assert awaits(attempt(1, "discarded", members="a"), fence=1) == []


def test_a_single_host_never_listens() -> None:
    assert awaits(attempt(1, "switched", members="a")) == []


def test_every_member_listens_for_a_lead_that_comes_back_may_ask_any_of_them() -> None:
    assert awaits(attempt(1, "switched"), name="b") == ["d-1"]
    assert awaits(attempt(1, "reverted"), name="b", acknowledged={"d-1": "a"}) == ["d-1"]
    assert awaits(attempt(1, "reverted"), name="b", acknowledged={"d-1": "abc"}) == []


def test_who_was_written_off_may_ask_about_the_newest_decision_only() -> None:
    older, newer = attempt(1, "reverted", lead="b"), attempt(2, "committed", members="bc", lead="b")
    assert awaits(older, name="b", acknowledged={"d-1": "c"}, left={"a": 1}) == ["d-1"]
    assert awaits(older, newer, name="b", acknowledged={"d-2": "c"}, left={"a": 1}) == []


def test_a_host_that_was_told_few_of_many_listens_until_it_hears_of_everybody() -> None:
    one = replace(attempt(1, "committed"), document={UNNAMED: 5})
    assert awaits(one, acknowledged={"d-1": "bc"}, name="c") == ["d-1"], "those that it knows are not all"
    assert awaits(one, acknowledged={"d-1": "*"}, name="c") == []


def test_everybody_of_a_later_deployment_is_everybody_unless_some_were_left_out_of_it() -> None:
    older, newer = (replace(attempt(number, "committed"), document={UNNAMED: 5}) for number in (1, 2))
    assert awaits(older, newer, acknowledged={"d-2": "*"}) == []
    newer = replace(newer, document={UNNAMED: 4, "without": ["z"]})
    assert awaits(older, newer, acknowledged={"d-2": "*"}) == ["d-1"], "z may come back and ask"


def test_a_host_that_was_told_few_answers_whoever_has_the_key(leading: Leading) -> None:
    leading.lease(60, {UNNAMED: 5})
    assert peers.ask(leading.document, "d-1", "far", do=peers.REACH).reached
    assert not peers.ask({**leading.document, "peer_key": "x" * 64}, "d-1", "far", do=peers.REACH).reached


def test_who_acknowledged_a_later_deployment_asks_about_no_earlier_one() -> None:
    assert awaits(attempt(1, "committed"), attempt(2, "reverted"), acknowledged={"d-2": "bc"}) == []
    assert awaits(attempt(1, "committed"), attempt(2, "committed", members="ac"), acknowledged={"d-2": "c"}) == ["d-1"]

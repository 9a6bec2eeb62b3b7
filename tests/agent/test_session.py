"""One operator's channel to a host, over real pipes to a real process."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway.transports.bundle import bundle
from shipway_agent.call import Place
from shipway_agent.outbox import Outbox
from shipway_agent.output import SHOWN_LINES
from shipway_agent.protocol import BODY, HEAD, MAX_BODY_BYTES, REQUEST, load, pack, read_frame
from shipway_agent.root import Root
from shipway_agent.session import Session
from tests.agent.wire import Wire, session, until
from tests.agent.workshop import DEPLOYMENT, NUMBER, step, task, workshop
from tests.stories.project import end_all


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A root with a leased deployment and a generation. A supervisor that a session starts there ends with the test."""
    with workshop(tmp_path / "root"):
        pass
    yield tmp_path / "root"
    end_all(tmp_path / "root")


@pytest.fixture
def wire(root: Path) -> Iterator[Wire]:
    with session(root) as one:
        yield one


def run_of(*steps: dict[str, object]) -> dict[str, object]:
    return {"deployment": DEPLOYMENT, "fence": NUMBER, "steps": list(steps)}


def python_of(version: str) -> str | None:
    """An interpreter of this version, of pyenv or on the PATH (where pyenv has only its switches)."""
    kept = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python3"))
    return str(kept[-1]) if kept else shutil.which(f"python{version}")


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def test_it_says_who_it_is(wire: Wire, root: Path) -> None:
    hello = wire.call("hello")
    assert hello["host"] == "a"
    assert hello["root"] == str(root)
    assert hello["platform"].startswith("linux-")
    assert hello["why_not"] is None
    assert wire.call("fresh")["host"] == "a"


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_the_file_that_travels_runs_on_old_and_new_python(root: Path, tmp_path: Path, version: str) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    agent = tmp_path / f"{bundle().hash}.pyz"
    agent.write_bytes(bundle().data)
    with session(root, python=python, agent=agent) as wire:
        assert wire.call("hello")["python"].startswith(f"{version}.")
        assert wire.call("hello")["agent"] == bundle().hash
        assert wire.call("look", {"verify": True})["member"]["fence"] == NUMBER
        assert wire.call("run", run_of(step("task:t", "task.run", task("echo hi"))))["done"][0]["answer"]["lines"] == ["hi"]
        assert wire.end() == 0


def test_look_tells_what_is_there(wire: Wire) -> None:
    facts = wire.call("look")
    assert facts["member"]["lease"]["deployment"] == DEPLOYMENT
    assert facts["generations"]["1"]["version"] == "v1"
    assert facts["link"] is None
    assert facts["disk"]["free_bytes"] > 0
    assert facts["supervisor"] == {"running": False, "agent": ""}
    assert facts["busy"] == []


def test_a_refusal_of_the_record_is_an_answer(wire: Wire) -> None:
    message = {
        "do": "lease",
        "deployment": "d-2",
        "fence": 2,
        "owner": "bob@laptop",
        "seconds": 30,
        "lead": "a",
        "members": ["a"],
        "confirm_seconds": 60,
    }
    reply = wire.call("decide", message)
    assert (reply["ok"], reply["code"], reply["owner"]) == (False, "held", "ann@laptop")


def test_a_root_of_another_host_takes_no_decision(root: Path) -> None:
    with session(root, before="import sys; sys.argv[-1] = 'b'") as wire:
        refused = wire.call("decide", {"do": "tick"})["refused"]
        assert refused["code"] == "name"
        assert "belongs to host 'a'" in refused["message"]
        assert wire.call("look")["member"]["name"] == "a"


def test_what_is_not_understood_is_refused_by_name(wire: Wire) -> None:
    assert wire.call("launch")["refused"]["code"] == "unknown-call"
    assert wire.call("decide", {"do": "guess"})["refused"]["code"] == "message"
    assert wire.call("fresh")["host"] == "a"


def test_a_blob_arrives_in_a_body(wire: Wire, root: Path) -> None:
    content = os.urandom(3_000_000)
    number = wire.ask("put", {"digest": digest(content), "executable": False, "size": len(content), "link": None})
    wire.body(number, *(content[i : i + MAX_BODY_BYTES] for i in range(0, len(content), MAX_BODY_BYTES)))
    assert wire.hear(number) == {"stored": 1}
    assert wire.call("lack", {"blobs": [[digest(content), False]]})["lacking"] == []


def test_a_body_that_is_refused_half_way_is_read_to_its_end_and_forgotten(wire: Wire) -> None:
    number = wire.ask("put", {"digest": digest(b""), "executable": False, "size": 1_000_000, "link": None})
    wire.body(number, *[b"x" * 1_000_000] * 20)
    assert wire.hear(number)["refused"]["code"] == "flipped"
    assert wire.call("fresh")["host"] == "a"


def test_a_body_cut_by_the_end_of_the_channel_leaves_nothing(wire: Wire, root: Path) -> None:
    number = wire.ask("put", {"digest": digest(b"x"), "executable": False, "size": 1_000_000, "link": None})
    wire.write(pack(BODY, number, b"x" * 1000))
    assert wire.end() == 0
    assert [path for path in (root / "blobs").rglob("*") if path.is_file()] == []


def test_other_calls_are_answered_while_a_list_of_steps_runs(wire: Wire, root: Path) -> None:
    running = wire.ask("run", run_of(step("task:slow", "task.run", task(f"echo begun; while ! test -e {root}/go; do sleep 0.05; done"))))
    while not [e for e in wire.events(running) if e["event"] == "output"]:
        frame = wire.next()
        assert frame is not None
        wire.heard.append(frame)
    renewed = wire.call("decide", {"do": "renew", "deployment": DEPLOYMENT, "fence": NUMBER, "seconds": 60.0})
    assert renewed["ok"]
    assert wire.call("look")["busy"][0]["key"] == "task:slow"
    (root / "go").touch()
    assert wire.hear(running)["failed"] is None
    assert [e.get("state", e.get("line")) for e in wire.events(running)] == ["started", "begun", "done"]


def test_a_renewal_is_answered_before_the_flood_of_a_task(wire: Wire, root: Path) -> None:
    """The operator reads nothing while the task writes; then the answer comes before most of what was told."""
    noisy = f"yes 'a line of output that waits' | head -n 200000; touch {root}/whole; while ! test -e {root}/go; do sleep 0.05; done"
    running = wire.ask("run", run_of(step("task:noisy", "task.run", task(noisy))))
    for _ in until():
        if (root / "whole").exists():
            break
    renewal = wire.ask("decide", {"do": "renew", "deployment": DEPLOYMENT, "fence": NUMBER, "seconds": 3000.0})
    with session(root) as other:
        for _ in until():
            if other.call("look")["doing"]["left_seconds"] > 1000:
                break
    assert wire.hear(renewal)["ok"]
    told_before = len(wire.events(running))
    (root / "go").touch()
    assert wire.hear(running)["failed"] is None
    lines = [event["line"] for event in wire.events(running) if event["event"] == "output"]
    assert told_before < SHOWN_LINES * 3 / 4 < len(lines) <= SHOWN_LINES + 1, "no more than a pipe of 64 KiB holds of them, packed"
    assert lines[-1].startswith("… and ")


def test_two_hundred_calls_in_flight_each_get_their_own_answer(wire: Wire) -> None:
    numbers = [wire.ask("events", {"since": i}) for i in range(200)]
    answers = [wire.hear(number)["events"] for number in numbers]
    assert [len(events) for events in answers] == [max(0, len(answers[0]) - i) for i in range(200)]


def test_the_end_of_stdin_lets_the_running_step_finish_and_begins_no_other(wire: Wire, root: Path) -> None:
    first = step("task:one", "task.run", task(f"touch {root}/begun; sleep 0.5; touch {root}/whole"))
    wire.ask("run", run_of(first, step("task:two", "task.run", task(f"touch {root}/never"))))
    for _ in until():
        if (root / "begun").exists():
            break
    assert wire.end() == 0
    assert (root / "whole").exists()
    assert not (root / "never").exists()
    with session(root) as again:
        assert again.call("run", run_of(first))["done"][0]["reused"]


def test_an_operator_that_stops_reading_holds_up_neither_the_task_nor_its_timeout(wire: Wire, root: Path) -> None:
    noisy = f"yes 'a line of output that nobody reads' | head -c 30000000; touch {root}/whole; sleep 600"
    number = wire.ask("run", run_of(step("task:noisy", "task.run", task(noisy, timeout_seconds=3.0))))
    for _ in until():
        if (root / "whole").exists():
            break
    with session(root) as other:
        for _ in until():
            events = other.call("events", {"since": 0, "deployment": DEPLOYMENT})["events"]
            if any(e["data"].get("state") == "failed" for e in events if e["kind"] == "step"):
                break
    assert wire.hear(number)["failed"]["code"] == "task-timeout"


def test_nothing_else_in_the_agent_can_write_to_the_channel_or_read_from_it(root: Path) -> None:
    shout = """
import os, subprocess, sys
from shipway_agent import calls
def shout(call):
    print("printed")
    os.write(1, b"written")
    subprocess.run(["sh", "-c", "echo from a child; cat"])
    return {"read": sys.stdin.read() if not sys.stdin.closed else ""}
calls.CALLS["shout"] = shout
"""
    with session(root, before=shout) as wire:
        assert wire.call("shout") == {"read": ""}
        assert wire.call("fresh")["host"] == "a"


def test_a_killed_agent_leaves_a_root_that_the_next_one_takes_up(root: Path) -> None:
    with session(root) as wire:
        wire.ask("run", run_of(step("task:t", "task.run", task(f"touch {root}/begun; sleep 0.5", check=f"test -e {root}/begun"))))
        for _ in until():
            if (root / "begun").exists():
                break
        wire.child.send_signal(signal.SIGKILL)
        wire.child.wait(30)
    with session(root) as wire:
        steps = run_of(step("task:t", "task.run", task("exit 9", check=f"test -e {root}/begun")))
        assert wire.call("run", steps)["done"][0]["answer"]["skipped"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        HEAD.pack(1 << 30, REQUEST, 1),
        pack(REQUEST, 1, b"not json"),
        pack(REQUEST, 1, b"[]"),
        pack(REQUEST, 1, b'{"call": 7}'),
        pack(REQUEST, 0, b'{"call": "fresh"}'),
        pack(BODY, 5, b"of no request"),
        HEAD.pack(100, REQUEST, 1) + b"cut",
    ],
)
def test_whoever_breaks_the_protocol_is_told_and_the_session_ends(wire: Wire, garbage: bytes) -> None:
    wire.write(garbage)
    assert wire.child.stdin is not None
    wire.child.stdin.close()
    frame = wire.next()
    assert frame is not None
    assert load(frame.payload)["code"] == "protocol"
    assert wire.child.wait(30) == 1
    assert wire.child.stderr is not None
    assert wire.child.stderr.read() == b""


def test_a_hang_up_does_not_end_a_session(wire: Wire) -> None:
    wire.call("fresh")
    wire.child.send_signal(signal.SIGHUP)
    assert wire.call("fresh")["host"] == "a"


def test_events_of_the_journal_can_be_read_back(wire: Wire) -> None:
    wire.call("run", run_of(step("task:t", "task.run", task("echo hi"))))
    events = wire.call("events", {"since": 0, "deployment": DEPLOYMENT})["events"]
    assert [e["data"]["state"] for e in events if e["kind"] == "step"] == ["intent", "done"]


def test_logs_can_be_read_back(wire: Wire) -> None:
    wire.call("run", run_of(step("task:t", "task.run", task("echo one; echo two"))))
    assert [log["lines"] for log in wire.call("tail", {"processes": ["tasks"], "lines": 1})["logs"]] == [["t: two"]]


def test_a_driver_that_is_silent_without_a_word_is_not_waited_for_for_ever(root: Path) -> None:
    ours, theirs = os.pipe()
    answers, sink = os.pipe()
    outbox = Outbox(sink)
    with Root(str(root), create=True) as opened, open(ours, "rb", buffering=0) as stream, open(answers, "rb", buffering=0) as heard:
        os.write(theirs, pack(REQUEST, 1, json.dumps({"call": "fresh"}).encode()))
        code = Session(Place(opened, opened.full("proxy"), "a", "hash"), stream, outbox, silent_seconds=0.5).run()
        answer = read_frame(heard)
    outbox.close(5)
    os.close(theirs)  # open all the time: nobody said that the channel has ended
    assert code == 0
    assert answer is not None and answer.number == 1

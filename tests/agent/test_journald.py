"""The copy of logs in systemd's journal: every line once, none twice, and nothing waits for a journal that does not listen."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent import journald, logs
from shipway_agent.journald import Copy
from shipway_agent.root import Root
from shipway_agent.supervisor import STARTED_BY_SYSTEMD


@pytest.fixture
def root(root: Root) -> Root:
    root.at("logs", create=True).close()
    return root


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """What stands in for journald: its socket takes datagrams."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(f"{tmp_path}/journal")
        bound.setblocking(False)
        yield bound


def write(root: Root, name: str, text: str) -> None:
    with open(f"{root.path}/logs/{name}", "a") as file:
        file.write(text)


def heard(listener: socket.socket) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    while True:
        try:
            data = listener.recv(1 << 16)
        except BlockingIOError:
            return found
        found.append(dict(line.split("=", 1) for line in data.decode().splitlines()))


def messages(listener: socket.socket) -> list[str]:
    return [entry["MESSAGE"] for entry in heard(listener)]


def copying(root: Root, tmp_path: Path) -> Copy:
    return Copy(root, lambda generation: "shop", f"{tmp_path}/journal")


def test_every_line_comes_once_with_whose_it_is(root: Root, listener: socket.socket, tmp_path: Path) -> None:
    web = logs.log_of("web", 2, 7)
    write(root, web, "before\n")
    copy = copying(root, tmp_path)
    copy.turn(0)
    assert heard(listener) == [], "what was there before is in the copy of an earlier supervisor"
    write(root, web, "one\ntwo\nhal")
    write(root, logs.log_of("mail", 1, 7), "first of a new log\n")
    write(root, "supervisor.log", "ours\n")
    copy.turn(1)
    entries = heard(listener)
    assert [entry["MESSAGE"] for entry in entries] == ["first of a new log", "one", "two"]
    assert entries[1] == {
        "MESSAGE": "one",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "shop.web",
        "SHIPWAY_INSTANCE": "2",
        "SHIPWAY_GENERATION": "7",
        "SHIPWAY_ROOT": root.path,
    }
    copy.turn(1.1)
    write(root, web, "f\n")
    copy.turn(2)
    assert messages(listener) == ["half"]
    copy.close()


def test_a_log_that_is_handed_over_is_not_copied_again(root: Root, listener: socket.socket, tmp_path: Path) -> None:
    copy = copying(root, tmp_path)
    copy.turn(0)
    write(root, logs.log_of("web", 1, 7), "of seven\n")
    copy.turn(1)
    os.rename(f"{root.path}/logs/{logs.log_of('web', 1, 7)}", f"{root.path}/logs/{logs.log_of('web', 1, 8)}")
    write(root, logs.log_of("web", 1, 8), "of eight\n")
    copy.turn(2)
    assert [(entry["MESSAGE"], entry["SHIPWAY_GENERATION"]) for entry in heard(listener)] == [("of seven", "7"), ("of eight", "8")]
    copy.close()


def test_a_journal_that_takes_nothing_more_or_is_gone_is_offered_the_rest_later(
    root: Root, listener: socket.socket, tmp_path: Path
) -> None:
    copy = copying(root, tmp_path)
    copy.turn(0)
    lines = [f"line {number}" for number in range(1500)]
    write(root, logs.log_of("web", 1, 7), "".join(f"{line}\n" for line in lines))
    got: list[str] = []
    for turn in range(1, 1000):
        copy.turn(turn)
        some = messages(listener)
        got += some
        if not some:
            break
    assert got == lines, "its queue is shorter than that, and nobody waited for it"

    os.rename(f"{tmp_path}/journal", f"{tmp_path}/elsewhere")
    copy.close()
    write(root, logs.log_of("web", 1, 7), "while it was away\n")
    copy.turn(2000)
    os.rename(f"{tmp_path}/elsewhere", f"{tmp_path}/journal")
    copy.turn(2001)
    assert messages(listener) == ["while it was away"]
    copy.close()


def test_a_process_that_floods_loses_lines_of_the_copy_and_it_says_so(root: Root, listener: socket.socket, tmp_path: Path) -> None:
    copy = copying(root, tmp_path)
    copy.turn(0)
    write(root, logs.log_of("web", 1, 7), "x" * 60 + "\n" + f"{'y' * 60}\n" * (journald.MOST_LINES + 5000))
    got: list[str] = []
    for turn in range(1, 10000):
        copy.turn(turn)
        some = messages(listener)
        got += some
        if not some:
            break
    assert got[0].startswith("(lines are left out here")
    assert len(got) == journald.MOST_LINES + 1
    copy.close()


def test_only_what_systemd_started_makes_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journald, "SOCKET", "/")
    monkeypatch.delenv(STARTED_BY_SYSTEMD, raising=False)
    assert not journald.is_there()
    monkeypatch.setenv(STARTED_BY_SYSTEMD, "0123456789abcdef")
    assert journald.is_there()

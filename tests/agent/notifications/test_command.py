"""A command on the host gets everything on its stdin, nothing of it as an argument, and no more time than it has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shipway_agent.clock import process_start
from shipway_agent.notifications import command
from shipway_agent.notifications.connect import Undelivered
from shipway_agent.root import Root
from tests.agent.lodge import wait
from tests.agent.notifications.receivers import ENTRY


def script(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "page"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return [str(path)]


def test_it_reads_the_same_json_as_a_webhook(root: Root, tmp_path: Path) -> None:
    got = tmp_path / "got"
    command.send(root, {"run": script(tmp_path, f'cat > {got}; echo "$# $(env | sort | cut -d= -f1 | tr "\\n" " ")" >> {got}')}, ENTRY)
    body, environment, *_ = got.read_text().splitlines()
    assert json.loads(body)["shipway"].items() >= ENTRY.items()
    assert environment.startswith("0 ") and not {"SHIPWAY_INSTANCE", "SSH_CONNECTION"} & set(environment.split())


def test_a_text_is_for_the_shell_and_what_it_prints_is_in_the_log(root: Root, tmp_path: Path) -> None:
    with pytest.raises(Undelivered) as raised:
        command.send(root, {"run": "cat > /dev/null; echo the pager is $((40 + 2)); exit 7"}, ENTRY)
    assert raised.value.words == "it ended with 7; logs/notifications.log has what it printed"
    assert (Path(root.path) / "logs/notifications.log").read_text() == "the pager is 42\n"


def test_one_that_reads_nothing_is_no_failure(root: Root) -> None:
    command.send(root, {"run": ["/bin/true"]}, {**ENTRY, "lines": ["x" * 300] * 2000})


def test_one_that_cannot_be_started(root: Root, tmp_path: Path) -> None:
    with pytest.raises(Undelivered) as raised:
        command.send(root, {"run": [str(tmp_path / "none")]}, ENTRY)
    assert raised.value.words == "it cannot be started: No such file or directory"


def test_one_that_does_not_end_is_ended_with_all_it_started(root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "SECONDS", 1.0)
    pids = tmp_path / "pids"
    with pytest.raises(Undelivered) as raised:
        command.send(root, {"run": f"sleep 300 & echo $! $$ > {pids}; wait"}, ENTRY)
    assert raised.value.words == "it did not end within 1 s"
    wait(lambda: all(process_start(int(pid)) is None for pid in pids.read_text().split()), what="both are gone")

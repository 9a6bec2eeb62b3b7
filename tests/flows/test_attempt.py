"""What an attempt remembers is bounded, and what counts is always in it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shipway.cli.commands import run
from shipway.flows import attempt as attempts
from shipway.flows.attempt import attempt
from shipway.ledger.store import Ledger
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from tests.apps import Repository


def test_whoever_watches_sees_all_output_and_the_attempt_remembers_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "OUTPUT_LINES", 100)
    seen: list[Event] = []
    with attempt(tmp_path, seen.append) as made:
        for number in range(200):
            made.say("output", host="a", key="task:install", line=str(number))
        made.say("note", message="after the flood")
        made.ended(Verdict("live", 0, "done", "", made.tell.deployment))
    assert len(seen) == 202
    assert [event.data["line"] for event in made.events if event.kind == "output"][-1] == "99"
    assert [event.kind for event in made.events[100:]] == ["note", "ended"]


def test_the_page_is_drawn_with_the_report_but_not_while_users_could_notice(tmp_path: Path) -> None:
    def written(kind: str) -> list[int]:
        """Which file it is: each writing replaces it by another one."""
        return [file.stat().st_ino for file in tmp_path.glob(f".shipway/reports/*.{kind}")]

    with attempt(tmp_path, lambda event: None) as made:
        made.say("phase", name="start", wave="ready")
        page, report = written("html"), written("json")
        assert len(page) == len(report) == 1, "a driver that is killed leaves a page too"
        made.say("phase", name="switch", wave="switched")
        assert written("html") == page and written("json") != report
        made.ended(Verdict("live", 0, "done", "", made.tell.deployment))
        assert written("html") != page


def test_another_program_that_stands_still_in_the_middle_of_a_write_holds_nothing_up(tmp_path: Path) -> None:
    """A driver that was stopped has the ledger; whoever deploys meanwhile writes its report, and the ledger when it can."""
    seen: list[Event] = []
    with attempt(tmp_path, seen.append) as made:
        made.say("began", kind="deploy")
        with Ledger(tmp_path) as ledger, closing(sqlite3.connect(ledger.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for name in ("ship", "prepare", "switch", "verify"):
                made.say("phase", name=name, wave=name)
            assert len(list(tmp_path.glob(".shipway/reports/*.json"))) == 1
            assert [event.data.get("name") for event in ledger.events()] == [None], "nothing was written beside it"
            other.execute("ROLLBACK")
        made.ended(Verdict("live", 0, "done", "", made.tell.deployment))
    with Ledger(tmp_path) as ledger:
        assert [event.data.get("name") for event in ledger.events()] == [None, "ship", "prepare", "switch", "verify", None]
    assert "note" not in [event.kind for event in seen]


def test_what_is_told_right_before_the_verdict_is_written_once_with_it(tmp_path: Path) -> None:
    with attempt(tmp_path, lambda event: None) as made:
        made.ends()
        made.say("began", kind="deploy", environment="live")
        assert not (tmp_path / ".shipway").exists()
        made.ended(Verdict("unchanged", 0, "nothing to do", "", made.tell.deployment))
    with Ledger(tmp_path) as ledger:
        assert [event.kind for event in ledger.events()] == ["began", "ended"]


def host(environment: str, root: Path) -> str:
    return f'[environment.{environment}]\nhosts = [ {{ name = "a", address = "local", root = "{root / environment}" }} ]\n'


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("deploy staging", "deploy"),
        ("prepare staging", "prepare"),
        ("rollback staging --without nobody", "rollback"),
        ("revert staging --soft --hard", "revert"),
        ("restart staging", "restart"),
        ("abort staging", "abort"),
    ],
)
def test_what_was_refused_is_remembered_of_its_own_environment_alone(tmp_path: Path, typed: str, kind: str) -> None:
    repository = Repository(tmp_path / "checkout")
    settings = 'app = "shop"\n[process.web]\nrun = "./serve"\n' + host("production", tmp_path) + host("staging", tmp_path)
    if kind in ("restart", "abort"):
        settings += 'wrong = "a key that nobody knows"\n'
    repository.write("shipway.toml", settings)
    repository.write("serve", "#!/bin/sh\n")
    repository.commit("first")
    repository.write("serve", "#!/bin/sh\nexit\n")
    assert run([*typed.split(), "-C", str(repository.directory)]) in (2, 3)
    with Ledger(repository.directory) as ledger:
        (record,) = ledger.history("staging").records
        assert (record.kind, record.environment, record.verdict) == (kind, "staging", "refused")
        assert "@" in record.who
        assert ledger.history("production").records == ()
    (report,) = repository.directory.glob(".shipway/reports/*.json")
    told = json.loads(report.read_text())
    assert (told["kind"], told["environment"], told["who"]) == (kind, "staging", record.who)


@pytest.mark.parametrize(("environments", "meant"), [(("staging",), "staging"), (("production", "staging"), "")])
def test_where_none_was_named_the_only_environment_was_meant(tmp_path: Path, environments: tuple[str, ...], meant: str) -> None:
    repository = Repository(tmp_path / "checkout")
    hosts = "".join(host(name, tmp_path) for name in environments)
    repository.write("shipway.toml", 'app = "shop"\n[process.web]\nrun = "./serve"\n' + hosts)
    repository.commit("first")
    repository.write("dirt", "x")
    assert run(["deploy", "-C", str(repository.directory)]) in (2, 3)
    with Ledger(repository.directory) as ledger:
        (record,) = ledger.history("staging").records
    assert (record.kind, record.environment) == ("deploy", meant)

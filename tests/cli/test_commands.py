"""What each command line becomes, what it prints, and the code it ends with."""

from __future__ import annotations

import inspect
import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shipway.cli import perform
from shipway.cli.commands import COMMANDS, run
from shipway.flows.words import (
    AbortWords,
    ConfigWords,
    DataBackupWords,
    DataExportWords,
    DataFetchWords,
    DataListWords,
    DataMigrateWords,
    DataRestoreWords,
    DataSendWords,
    DataSettleWords,
    DataVerifyWords,
    DeployWords,
    DoctorWords,
    HistoryWords,
    HostAddWords,
    HostRemoveWords,
    InitWords,
    PlanWords,
    PrepareWords,
    ReleaseWords,
    RemoveWords,
    ResumeWords,
    RevertWords,
    RollbackWords,
    SecretsKeygenWords,
    SecretsListWords,
    SecretsRecipientsAddWords,
    SecretsRecipientsListWords,
    SecretsRecipientsRmWords,
    SecretsRmWords,
    SetupWords,
    ShowWords,
    StatusWords,
    VerifyWords,
    Words,
)
from shipway.model.errors import Failed, HostError, Refused, ShipwayError, Unreachable, Unsettled, WrongInput
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.reports.files import write_report
from shipway.reports.fold import fold
from shipway.reports.schemas import events_schema
from tests.cli.flow import FakeFlow
from tests.reports.story import live, undone

LINE = Draft202012Validator(events_schema())
GOOD = Verdict(
    "live", 0, "1.2 is live in production, proved on a, b in 10.0 s", "", "7-abc123", {"report": ".shipway/reports/7-abc123.json"}
)

Fake = Callable[..., FakeFlow]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Makes a fake flow and puts it in the place of all."""

    def make(ending: Verdict | Exception = GOOD, events: Sequence[Event] = ()) -> FakeFlow:
        flow = FakeFlow(ending, events)
        monkeypatch.setattr(perform, "find_flow", lambda name: flow)
        return flow

    return make


HERE: dict[str, Any] = {"project": Path()}
PRODUCTION: dict[str, Any] = {**HERE, "environment": "production"}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("deploy", DeployWords(**HERE)),
        ("deploy production --ref v1.2", DeployWords(**PRODUCTION, ref="v1.2")),
        ("deploy --json production", DeployWords(**PRODUCTION, json=True)),
        ("prepare production --ref main", PrepareWords(**PRODUCTION, ref="main")),
        ("rollback", RollbackWords(**HERE)),
        ("rollback production", RollbackWords(**PRODUCTION)),
        ("rollback production 1.1", RollbackWords(**PRODUCTION, target="1.1")),
        ("rollback @previous", RollbackWords(**HERE, target="@previous")),
        ("revert", RevertWords(**HERE)),
        ("revert production", RevertWords(**PRODUCTION)),
        ("revert @previous --soft", RevertWords(**HERE, target="@previous", soft=True)),
        ("revert .shipway/reports/7-abc123.json", RevertWords(**HERE, target=".shipway/reports/7-abc123.json")),
        ("revert production 2026-11-30T08:15 --hard --yes", RevertWords(**PRODUCTION, target="2026-11-30T08:15", hard=True, yes=True)),
        ("revert production 1.1 --check", RevertWords(**PRODUCTION, target="1.1", check=True)),
        ("release production", ReleaseWords(**PRODUCTION)),
        ("release production v1.2", ReleaseWords(**PRODUCTION, commit="v1.2")),
        ("resume production", ResumeWords(**PRODUCTION)),
        ("abort production", AbortWords(**PRODUCTION)),
        ("status production --quick", StatusWords(**PRODUCTION, quick=True)),
        ("doctor production --fix", DoctorWords(**PRODUCTION, fix=True)),
        ("plan production --files", PlanWords(**PRODUCTION, files=True)),
        ("history production -n 3", HistoryWords(**PRODUCTION, limit=3)),
        ("show", ShowWords(**HERE)),
        ("show production 7-abc123", ShowWords(**PRODUCTION, deployment="7-abc123")),
        ("show 7-abc123", ShowWords(**HERE, deployment="7-abc123")),
        ("show production 7 --html", ShowWords(**PRODUCTION, deployment="7", html="")),
        ("show production 7 --html page.html", ShowWords(**PRODUCTION, deployment="7", html="page.html")),
        ("show 7", ShowWords(**HERE, deployment="7")),
        ("show @last", ShowWords(**HERE, deployment="@last")),
        ("show 2-staging", ShowWords(**HERE, environment="2-staging")),
        ("verify production 1.2", VerifyWords(**PRODUCTION, release="1.2")),
        ("deploy production --without b --without c", DeployWords(**PRODUCTION, without=("b", "c"))),
        ("rollback production 1.1 --without b", RollbackWords(**PRODUCTION, target="1.1", without=("b",))),
        ("prepare production --ref v2 --without b", PrepareWords(**PRODUCTION, ref="v2", without=("b",))),
        ("plan production --without b --without c", PlanWords(**PRODUCTION, without=("b", "c"))),
        ("host add production x --roles web,db", HostAddWords(**PRODUCTION, address="x", roles=("web", "db"))),
        ("setup production --host b --dry-run", SetupWords(**PRODUCTION, host=("b",), dry_run=True)),
        ("host remove production b", HostRemoveWords(**PRODUCTION, host="b")),
        ("host remove production b --lost --with-shared", HostRemoveWords(**PRODUCTION, host="b", lost=True, with_shared=True)),
        ("config production", ConfigWords(**PRODUCTION)),
        ("config production DATABASE_URL --live", ConfigWords(**PRODUCTION, name="DATABASE_URL", live=True)),
        ("data backup production --only main", DataBackupWords(**PRODUCTION, only=("main",))),
        ("data list production", DataListWords(**PRODUCTION)),
        ("data verify production main --restore", DataVerifyWords(**PRODUCTION, point="main", restore=True)),
        ("data export production main --to x.dump", DataExportWords(**PRODUCTION, point="main", to=Path("x.dump"))),
        ("data send production --only main", DataSendWords(**PRODUCTION, only=("main",))),
        ("data fetch production main --from /mnt/x", DataFetchWords(**PRODUCTION, point="main", source="/mnt/x")),
        ("data restore production main --from s3://b/x", DataRestoreWords(**PRODUCTION, point="main", source="s3://b/x")),
        ("data restore production main --yes", DataRestoreWords(**PRODUCTION, point="main", yes=True)),
        ("data migrate production", DataMigrateWords(**PRODUCTION)),
        ("data settle production 0003_note --done", DataSettleWords(**PRODUCTION, migration="0003_note", done=True)),
        ("secrets list production", SecretsListWords(**PRODUCTION)),
        ("secrets rm production TOKEN", SecretsRmWords(**PRODUCTION, name="TOKEN")),
        ("secrets rm TOKEN", SecretsRmWords(project=Path(), name="TOKEN")),
        ("secrets keygen", SecretsKeygenWords(project=Path())),
        ("secrets recipients list production", SecretsRecipientsListWords(**PRODUCTION)),
        ("secrets recipients rm production age1x", SecretsRecipientsRmWords(**PRODUCTION, recipient="age1x")),
        (
            "secrets recipients add production age1x --label ann",
            SecretsRecipientsAddWords(**PRODUCTION, recipient="age1x", label="ann"),
        ),
        ("init", InitWords(**HERE)),
        (
            "init --run ./serve --host a --host deploy@b --env staging --domain a.example.org --force",
            InitWords(**HERE, run="./serve", host=("a", "deploy@b"), env="staging", domain=("a.example.org",), force=True),
        ),
        ("remove production --yes", RemoveWords(**PRODUCTION)),
        ("remove production --yes --shared", RemoveWords(**PRODUCTION, shared=True)),
    ],
)
def test_a_command_line_becomes_the_words_of_its_flow(argv: str, words: Words, fake: Fake) -> None:
    flow = fake()
    assert run(argv.split()) == 0
    assert flow.words == words


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*name.split(), "--help"]) == 0
    help_text = capsys.readouterr().out
    assert "--json" in help_text and "--debug" in help_text and help_text.count("\n") > 8


@pytest.mark.parametrize(
    ("error", "code", "head"),
    [
        (
            Failed("b: web.1 ended with 3", state="undone on every host", hint="shipway deploy production"),
            1,
            "UNDONE: b: web.1 ended with 3",
        ),
        (WrongInput("2 faults in shipway.toml", hint="mend them", details=["line 3: a", "line 9: b"]), 2, "REFUSED: 2 faults"),
        (Refused("bob is deploying", state="nothing was touched", hint="shipway status production"), 3, "REFUSED: bob is deploying"),
        (Unsettled("b is behind", state="a serves 1.2", hint="shipway resume production"), 4, "NOT SETTLED: b is behind"),
    ],
)
def test_an_error_says_what_happened_the_state_and_the_next_command(
    error: ShipwayError, code: int, head: str, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(error)
    assert run(["deploy", "production"]) == code
    out = capsys.readouterr().out
    assert out.startswith(head)
    assert error.state in out and f"  next: {error.hint}\n" in out and "Traceback" not in out
    assert all(line in out for line in error.details)


def test_lines_of_json_are_events_and_the_verdict_last(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake(GOOD, live())
    assert run(["deploy", "production", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for line in lines:
        LINE.validate(line)
    assert [line["event"] for line in lines] == [event.kind for event in live()] + ["verdict"]
    assert lines[-1]["exit_code"] == 0 and lines[-1]["deployment"] == "7-abc123"


def test_an_error_with_json_is_a_verdict_with_its_exit_code(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake(Failed("it failed", state="undone", hint="shipway show", code="died", details=["one"]), undone())
    assert run(["deploy", "production", "--json"]) == 1
    verdict = json.loads(capsys.readouterr().out.splitlines()[-1])
    LINE.validate(verdict)
    assert verdict["verdict"] == "undone" and verdict["exit_code"] == 1 and verdict["hint"] == "shipway show"
    assert verdict["data"] == {"code": "died", "state": "undone", "details": ["one"]}


def test_status_with_json_is_one_object_and_nothing_else(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    status = {"environment": "production", "agrees": False, "release": None, "deployment": None, "hosts": []}
    fake(Verdict("answer", 4, "hosts differ", "shipway deploy production", "", {"status": status, "lines": ["text"]}), live()[:4])
    assert run(["status", "production", "--json"]) == 4
    out = capsys.readouterr().out
    assert json.loads(out) == status and out.count("\n") == 1


def test_status_that_could_not_be_asked_is_a_verdict(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake(WrongInput("no environment is called prod", hint="shipway status production"))
    assert run(["status", "prod", "--json"]) == 2
    LINE.validate(json.loads(capsys.readouterr().out))


def test_a_command_that_reads_prints_its_answer_and_no_progress(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake(Verdict("answer", 0, "two deployments", "", "", {"lines": ["one", "two"]}), live()[:4])
    assert run(["history", "production"]) == 0
    assert capsys.readouterr().out == "one\ntwo\n"


def test_an_answer_that_is_no_says_what_to_do_below_it(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake(Verdict("answer", 1, "1.3 is not proved on b", "shipway status production", "", {"lines": ["a: proved", "b: serves 1.2"]}))
    assert run(["verify", "production", "1.3"]) == 1
    out = capsys.readouterr().out
    assert out == "a: proved\nb: serves 1.2\n1.3 is not proved on b\n  next: shipway status production\n"


def test_a_deployment_without_a_terminal_is_told_in_lines(fake: Fake, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fake(GOOD, live())
    path = write_report(tmp_path, fold(live()))
    (tmp_path / "server").mkdir()
    assert run(["deploy", "production", "-C", str(tmp_path / "server")]) == 0
    out = capsys.readouterr().out
    assert "-- switched -- all hosts" in out and "X switch" in out
    assert out.rstrip().endswith(f"report: {path}") and "\x1b" not in out


@pytest.mark.parametrize(
    ("argv", "says", "hint"),
    [
        (["deplyo"], "there is no command 'deplyo'; the nearest is deploy", "shipway --help"),
        (["zzz"], "there is no command 'zzz'", "shipway --help"),
        (["deploy", "--reff", "x"], "No such option '--reff'", "shipway deploy --help"),
        (["deploy", "a", "b"], "unexpected extra argument", "shipway deploy --help"),
        (["verify", "production"], "Missing argument 'RELEASE'", "shipway verify --help"),
        (["history", "-n", "0"], "0 is not in the range", "shipway history --help"),
        (["deploy", "-C", "/nowhere/at/all"], "does not exist", "shipway deploy --help"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_the_help_to_read(
    argv: list[str], says: str, hint: str, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake()
    assert run(argv) == 2
    out = capsys.readouterr().out
    assert says in out and "nothing was touched" in out and f"next: {hint}" in out
    assert run([*argv, "--json"]) == 2
    verdict = json.loads(capsys.readouterr().out)
    LINE.validate(verdict)
    assert verdict["exit_code"] == 2


def test_no_words_at_all_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "deploy" in capsys.readouterr().out


def test_a_removal_asks_or_wants_a_yes(fake: Fake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    flow = fake(Verdict("removed", 0, "shop is off a, b"))
    assert run(["remove", "production"]) == 2 and flow.words is None
    assert "say --yes" in capsys.readouterr().out


def test_a_fault_of_our_own_is_no_traceback_unless_it_is_asked_for(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake(KeyError("oops"))
    assert run(["deploy", "production"]) == 3
    out, err = capsys.readouterr()
    assert "a fault of shipway itself, KeyError: 'oops'" in out and "nothing was touched" in out and "--debug" in out
    assert "Traceback" not in out + err
    fake(KeyError("oops"), live()[:5])
    assert run(["deploy", "production", "--debug"]) == 4, "hosts were touched: unknown is a failure"
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("error", [Unreachable("b", "unreachable", "no route"), HostError("b", "facts", "facts.x: should be text")])
def test_an_error_of_a_host_that_no_flow_put_in_words_still_names_it(
    error: HostError, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(error)
    assert run(["deploy", "production"]) == 3
    assert f"b: {error.message}" in capsys.readouterr().out


def test_a_hint_can_be_typed_as_it_stands(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake(KeyError("oops"))
    run(["deploy", "production"])
    assert "next: shipway status production" in capsys.readouterr().out


class Typed(io.StringIO):
    """Somebody at a keyboard."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code"), [("production\n", 0), ("prod\n", 3), ("\n", 3)])
def test_a_removal_goes_on_when_the_name_is_typed_and_only_then(typed: str, code: int, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = fake(Verdict("removed", 0, "shop is off a, b"))
    monkeypatch.setattr(sys, "stdin", Typed(typed))
    assert run(["remove", "production", "--shared"]) == code
    assert flow.words == (RemoveWords(**PRODUCTION, shared=True) if code == 0 else None)


def test_every_flow_has_the_name_of_its_command() -> None:
    for name in COMMANDS.keys() - {"completion", "console"}:  # a shell, and no project; an `exec` of a shell
        assert inspect.iscoroutinefunction(perform.find_flow(name)), name

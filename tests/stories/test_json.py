"""Every command once with --json, for real: each line is one object, and all are what docs/reference says they are."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.stories.project import ROOT, Said
from tests.stories.proof import wait_for
from tests.stories.shop import Shop
from tests.stories.test_errors import QUICK

TASKS = """
[[task]]
name = "announce"
phase = "activate"
run = "echo announced"
undo = "echo withdrawn"

"""

DATA = """
[data.uploads]
driver = "files"
path = "media"
"""


def schema(name: str) -> Draft202012Validator:
    """A schema as it lies in docs/reference, for that is what programs read."""
    return Draft202012Validator(json.loads((ROOT / f"docs/reference/{name}.schema.json").read_text()), format_checker=FormatChecker())


LINE, STATUS, REPORT = schema("events"), schema("status"), schema("report")


@pytest.fixture(scope="module")
def shop(common_place: Path) -> Shop:
    shop = Shop(common_place, ("a", "b"), settings=TASKS, more=QUICK, after=DATA)
    assert checked(shop.project.run("deploy", "local", "--ref", "v1", "--json"))["verdict"] == "live"
    return shop


@pytest.fixture(scope="module", autouse=True)
def taken_off_at_the_end(shop: Shop) -> Iterator[None]:
    """The last command of all takes the application off its hosts."""
    yield
    verdict = checked(shop.project.run("remove", "local", "--yes", "--json"))
    assert (verdict["verdict"], verdict["exit_code"]) == ("removed", 0)
    reports_are_right(shop)


def checked(said: Said) -> dict[str, Any]:
    """Every line of a command is right, and the last is its verdict, with its exit code. Answers the verdict."""
    return right_lines(said.out, said.code)


def right_lines(out: str, code: int) -> dict[str, Any]:
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines, "nothing was printed"
    for line in lines:
        problems = [f"{problem.json_path}: {problem.message}" for problem in LINE.iter_errors(line)]
        assert problems == [], f"{line}\n{problems}"
    *events, verdict = lines
    assert verdict["event"] == "verdict"
    assert verdict["exit_code"] == code
    assert all(event["event"] != "verdict" for event in events)
    assert bool(verdict["hint"]) or code == 0, verdict
    return dict(verdict)


def reports_are_right(shop: Shop) -> None:
    for path in shop.project.reports():
        problems = [f"{problem.json_path}: {problem.message}" for problem in REPORT.iter_errors(json.loads(path.read_text()))]
        assert problems == [], f"{path.name}: {problems}"


def test_deploy_good_and_bad(shop: Shop) -> None:
    assert checked(shop.project.run("deploy", "local", "--ref", "v1", "--json"))["verdict"] == "unchanged"
    bad = checked(shop.project.run("deploy", "local", "--ref", "v3", "--json", code=1))
    assert (bad["verdict"], bad["data"]["code"]) == ("undone", "died")
    assert "shipway deploy local" in bad["hint"]
    reports_are_right(shop)


@pytest.mark.parametrize(
    ("words", "code", "verdict", "why"),
    [
        ("deploy local --ref no-such", 2, "refused", "ref"),
        ("deploy nowhere", 2, "refused", "environment"),
        ("rollback local v99", 3, "refused", "target-unknown"),
        ("revert local v99", 3, "refused", "target-unknown"),
        ("revert local --soft --hard", 2, "refused", "input"),
        ("revert no-such.json", 2, "refused", "report"),
        ("release local", 0, "unchanged", ""),
        ("show local 99", 2, "refused", "deployment"),
        ("verify local v99", 1, "answer", ""),
        ("deploy local --no-such-option", 2, "refused", ""),
        ("deplyo local", 2, "refused", ""),
        ("remove local", 2, "refused", ""),
        ("abort local", 0, "unchanged", ""),
        ("resume local", 0, "unchanged", ""),
        ("start local", 0, "unchanged", ""),
        ("maintenance off local", 0, "unchanged", ""),
        ("scale local web=0 wbe=2", 2, "refused", "unfit-order"),
        ("restart local --process nothing", 2, "refused", "unfit-order"),
        ("setup local", 0, "unchanged", ""),
        ("data send local", 2, "refused", "unknown-place"),
        ("data fetch local uploads", 2, "refused", "unknown-place"),
        ("data export local uploads --to export.tar", 2, "refused", "unmasked"),
        ("data export local uploads --unmasked --to {place}", 2, "refused", "file-there"),
        ("setup local --host c", 2, "refused", "no-host"),
        ("host add local local", 2, "refused", "config"),
        ("data migrate local", 3, "refused", "no-migrations-here"),
        ("data settle local 0001_note", 2, "refused", "settle-how"),
        ("data settle local 0001_note --done", 3, "refused", "no-migrations-here"),
    ],
)
def test_what_is_refused_and_what_has_nothing_to_do(shop: Shop, words: str, code: int, verdict: str, why: str) -> None:
    said = checked(shop.project.run(*words.format(place=shop.place).split(), "--json", code=code))
    assert said["verdict"] == verdict
    assert said["data"].get("code", "") == why


@pytest.mark.parametrize(
    "words",
    [
        "plan local --ref v2",
        "plan local --ref v2 --files",
        "history local",
        "show local",
        "verify local v1",
        "logs local",
        "doctor local",
        "maintenance local",
        "data backup local",
        "data list local",
        "data verify local uploads",
        "data restore local uploads",
        "data export local uploads --unmasked --to {place}/export.tar",
    ],
)
def test_what_is_asked(shop: Shop, words: str) -> None:
    said = checked(shop.project.run(*words.format(place=shop.place).split(), "--json"))
    assert said["verdict"] == "answer"
    assert "lines" not in said["data"], "what is printed for people is no data"
    assert said["data"]


def test_status_is_one_object(shop: Shop) -> None:
    said = shop.project.run("status", "local", "--json")
    (status,) = said.lines
    assert list(STATUS.iter_errors(status)) == []
    assert status["agrees"] is True


def test_an_order(shop: Shop) -> None:
    assert checked(shop.project.run("scale", "local", "web=2", "--json"))["verdict"] == "live"
    (status,) = shop.project.run("status", "local", "--json").lines
    assert list(STATUS.iter_errors(status)) == []
    assert {host["scaled"]["web"]["instances"] for host in status["hosts"]} == {2}
    assert shop.project.report()["what"] == "scale web 1 → 2"
    reports_are_right(shop)


def test_prepare_then_deploy_then_rollback(shop: Shop) -> None:
    assert checked(shop.project.run("prepare", "local", "--ref", "v2", "--json"))["verdict"] == "prepared"
    assert checked(shop.project.run("deploy", "local", "--ref", "v2", "--json"))["verdict"] == "live"
    assert checked(shop.project.run("rollback", "local", "--json"))["verdict"] == "live"
    assert shop.version() == "1"
    reports_are_right(shop)


@pytest.mark.parametrize(("command", "codes"), [("resume", (0, 1)), ("abort", (0,))])
def test_what_a_killed_driver_left(shop: Shop, command: str, codes: tuple[int, ...]) -> None:
    driver = shop.project.start("deploy", "local", "--ref", "v2", "--json")
    wait_for(driver, "phase", name="verify")
    driver.kill()
    driver.communicate()
    status = shop.project.run("status", "local", "--json", code=None)
    assert status.code in (0, 4), "a slow machine asks when the hosts have settled it by themselves already"
    assert list(STATUS.iter_errors(status.lines[0])) == []
    said = shop.project.run(command, "local", "--json", code=None)
    assert said.code in codes, said.text
    checked(said)
    assert shop.version() == "1"
    reports_are_right(shop)


def test_an_interrupted_deployment(shop: Shop) -> None:
    driver = shop.project.start("deploy", "local", "--ref", "v2", "--json")
    seen = wait_for(driver, "phase", name="verify")
    driver.send_signal(signal.SIGINT)
    out, err = driver.communicate(timeout=60)
    verdict = right_lines(out, driver.returncode)
    assert (verdict["verdict"], verdict["data"]["code"], verdict["deployment"]) == ("undone", "interrupted", seen["deployment"])
    assert verdict["hint"] == "shipway deploy local --ref v2"
    assert "undoing" in err
    reports_are_right(shop)

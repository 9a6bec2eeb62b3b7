"""What is begun before a flow is read, and what is left to it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from shipway.flows.early import early, end
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.words import DeployWords, StatusWords
from shipway.model.errors import WrongInput
from shipway.model.intent import Host
from shipway.release.git import GitSilent
from tests.release.repositories import Checkout

HOSTS = '[environment.live]\nhosts = ["deploy@10.0.0.1", "deploy@10.0.0.2"]\n'
WEB = 'app = "shop"\n[process.web]\nrun = "serve"\n'
BUILD = '[build]\nrun = ["make"]\noutputs = ["public"]\n'
CHECKS = 'requires = { checks = ["make test"] }\n'


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were logged in to."""
    found: list[str] = []

    def begin(hosts: Iterable[Host], app: str, environment: str, timeout_seconds: float) -> None:
        assert (app, environment) == ("shop", "live")
        found.extend(host.address for host in hosts)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("shipway.transports.early.begin", begin)
    return found


def test_a_git_that_hangs_is_waited_for_once(tmp_path: Path, begun: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody heard yet is heard by the flow, without another wait; the next command asks again."""
    directory = project(tmp_path)
    asked = tmp_path / "asked"
    git = tmp_path / "bin/git"
    git.parent.mkdir()
    git.write_text(f"#!/bin/sh\necho x >> {asked}\nexec sleep 60\n")
    git.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{git.parent}:{os.environ['PATH']}")
        patch.setattr("shipway.release.git.BOUND_SECONDS", 0.5)
        early(StatusWords(project=directory))
        with pytest.raises(GitSilent, match=r"git rev-parse did not answer within 0.5 s, and was ended") as caught:
            open_project(directory)
        assert asked.read_text() == "x\n" and "git status" in caught.value.hint
    assert open_project(directory).commit


def project(place: Path, settings: str = WEB + HOSTS) -> Path:
    checkout = Checkout.new(place / "shop")
    checkout.write("shipway.toml", settings)
    checkout.commit()
    return checkout.path


def test_hosts_that_an_earlier_command_knew_are_logged_in_to(tmp_path: Path, begun: list[str]) -> None:
    words = StatusWords(project=project(tmp_path), environment="live")
    early(words)
    assert begun == [], "what shipway.toml means is not known yet, and to work it out takes longer than a login"
    intent_of_head(open_project(words.project), "live")
    early(words)
    assert begun == ["deploy@10.0.0.1", "deploy@10.0.0.2"]


def test_the_flow_takes_the_project_that_was_opened_ahead_and_only_once(tmp_path: Path, begun: list[str]) -> None:
    directory = project(tmp_path)
    early(StatusWords(project=directory))
    before = open_project(directory).commit
    checkout = Checkout(directory)
    checkout.write("more", "1")
    checkout.commit()
    assert open_project(directory).commit != before


@pytest.mark.parametrize("settings", [WEB + BUILD + HOSTS, WEB + HOSTS + CHECKS], ids=["build", "checks"])
def test_no_host_waits_for_a_build_or_for_checks(tmp_path: Path, begun: list[str], settings: str) -> None:
    words = DeployWords(project=project(tmp_path, settings), environment="live")
    intent_of_head(open_project(words.project), "live")
    early(words)
    assert begun == []


def test_a_host_that_is_left_out_is_not_logged_in_to(tmp_path: Path, begun: list[str]) -> None:
    words = DeployWords(project=project(tmp_path), environment="live", without=("10.0.0.1",))
    intent_of_head(open_project(words.project), "live")
    early(words)
    assert begun == []


def test_what_is_wrong_is_left_to_the_flow_to_say(tmp_path: Path, begun: list[str]) -> None:
    early(StatusWords(project=tmp_path))
    with pytest.raises(WrongInput):
        open_project(tmp_path)
    directory = project(tmp_path)
    early(StatusWords(project=directory, environment="other"))
    assert begun == []


def test_a_project_that_no_flow_took_is_not_there_for_the_next(tmp_path: Path, begun: list[str]) -> None:
    directory = project(tmp_path)
    early(StatusWords(project=directory))
    end()
    checkout = Checkout(directory)
    checkout.write("more", "1")
    newest = checkout.commit()
    assert open_project(directory).commit == newest

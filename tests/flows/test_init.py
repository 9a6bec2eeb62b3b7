"""`shipway init` in real repositories: what it looks at, what it writes, what it never writes over, and what it says next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shipway.cli import init as questions
from shipway.cli.commands import run
from shipway.config.load import load
from tests.apps import Repository

APP = "from flask import Flask\n\napp = Flask(__name__)\n"
Say = Callable[..., tuple[int, str]]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose HEAD holds a Flask application."""
    made = Repository(tmp_path / "My Shop")
    made.write("app.py", APP)
    made.write("requirements.txt", "flask\ngunicorn\n")
    made.commit("first")
    monkeypatch.chdir(made.directory)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return made


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Types `shipway init WORDS`: exit code and everything that was printed."""

    def type_it(*words: str) -> tuple[int, str]:
        code = run(["init", *words])
        return code, capsys.readouterr().out

    return type_it


def written(repository: Repository) -> str:
    return (repository.directory / "shipway.toml").read_text()


def verdict(said: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def test_it_says_what_it_assumed_and_why_writes_the_file_and_names_the_next_commands(repository: Repository, say: Say) -> None:
    code, said = say()
    assert code == 0, said
    assert "web serves app:app: that is the Flask application (app.py:3)" in said
    document = load(written(repository)).document
    assert (document.app, list(document.process), list(document.environment)) == ("my-shop", ["web"], ["local"])
    following = said.split("next: ", 1)[1].strip()
    git, plan, deploy = following.split(", then ")
    for command in git.split(" && "):
        repository.git(*shlex.split(command)[1:])
    assert repository.git("status", "--porcelain") == "", "nothing else was left behind"
    assert (plan, deploy) == ("shipway plan local", "shipway deploy local")


def test_only_what_is_committed_counts(repository: Repository, say: Say) -> None:
    repository.write("Procfile", "web: gunicorn app:app\nworker: python work.py\n")
    assert say()[0] == 0
    assert "process.worker" not in written(repository), "deploy ships the commit"
    repository.commit("a worker")
    assert say("--force")[0] == 0
    assert "process.worker" in written(repository)


def test_where_nothing_is_committed_what_git_would_add_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say) -> None:
    repository = Repository(tmp_path / "new")
    repository.write("index.html", "<p>hello\n")
    repository.write("node_modules/x/package.json", '{"scripts": {"start": "node x"}}')
    repository.write(".gitignore", "node_modules/\n")
    (repository.directory / "link.html").symlink_to("/etc/hostname")
    monkeypatch.chdir(repository.directory)
    code, said = say()
    assert code == 0, said
    assert "nothing is committed yet" in said
    assert "next: git add --all && git commit" in said


def test_a_directory_of_a_repository_gets_a_file_of_its_own(repository: Repository, say: Say) -> None:
    repository.write("pages/index.html", "<p>hello\n")
    repository.write("shipway.toml", 'app = "shop"\n')
    repository.commit("pages")
    assert say("-C", "pages")[0] == 0
    document = load((repository.directory / "pages/shipway.toml").read_text()).document
    assert (document.app, document.static) == ("pages", "served")
    assert written(repository) == 'app = "shop"\n'


def test_another_file_is_never_written_over_unless_told_and_then_it_is_kept(repository: Repository, say: Say) -> None:
    repository.write("shipway.toml", 'app = "mine"\n')
    code, said = say("--json")
    assert code == 3
    assert verdict(said)["data"]["code"] == "config-there"
    assert '-app = "mine"' in verdict(said)["data"]["details"]
    assert "shipway init --force" in verdict(said)["hint"]
    assert written(repository) == 'app = "mine"\n'
    for number in (1, 2):
        code, said = say("--force", "--json", "--app", f"shop-{number}")
        assert code == 0, said
        kept = verdict(said)["data"]["kept"]
        assert kept == f".shipway/replaced/shipway.{number}.toml"
    assert (repository.directory / ".shipway/replaced/shipway.1.toml").read_text() == 'app = "mine"\n'
    assert (repository.directory / ".shipway/replaced/shipway.2.toml").read_text().count('app = "shop-1"') == 1


def test_the_same_again_changes_nothing(repository: Repository, say: Say) -> None:
    assert say("--host", "deploy@shop.example.org")[0] == 0
    before = written(repository)
    assert say("--host", "deploy@shop.example.org")[0] == 0
    assert written(repository) == before
    assert not (repository.directory / ".shipway").exists()


def test_a_dry_run_prints_the_file_and_nothing_else(repository: Repository, say: Say) -> None:
    repository.write("shipway.toml", 'app = "mine"\n')
    code, said = say("--dry-run", "--host", "deploy@shop.example.org")
    assert code == 0
    assert load(said).document.environment["production"].hosts[0].address == "deploy@shop.example.org"
    assert written(repository) == 'app = "mine"\n'


def test_flags_say_it_all(repository: Repository, say: Say) -> None:
    words = ["--app", "shop", "--run", "gunicorn app:app", "--health", "/up", "--env", "staging", "--domain", "shop.example.org", "--yes"]
    code, said = say(*words, "--host", "deploy@a.example.org", "--host", "b")
    assert code == 0, said
    document = load(written(repository)).document
    web, staging = document.process["web"], document.environment["staging"]
    found_by_its_bare_name = 'export PATH="$PWD/.venv/bin:$PATH"; gunicorn app:app'
    assert (document.app, web.run, web.health and web.health.path) == ("shop", found_by_its_bare_name, "/up")
    assert ([host.address for host in staging.hosts], staging.domains) == (["deploy@a.example.org", "b"], ["shop.example.org"])
    assert [task.name for task in document.task] == ["install"], "how it is installed is still recognised"
    assert "next: git add shipway.toml && git commit -m 'Deploy with Shipway', then shipway plan staging" in said


def test_every_fault_of_the_flags_is_told_at_once(repository: Repository, say: Say) -> None:
    words = ["--app", "My Shop", "--env", "Prod", "--host", "-oProxyCommand=x", "--host", "a", "--host", "a", "--domain", "no such"]
    code, said = say(*words, "--health", "up", "--run", " ", "--json")
    assert code == 2
    told = "\n".join(verdict(said)["data"]["details"])
    for fault in ("--app", "--env", "--host may not", '--host "a" is named twice', "--domain", "--health", "--run"):
        assert fault in told
    assert not (repository.directory / "shipway.toml").exists()


def test_one_fault_is_the_message(repository: Repository, say: Say) -> None:
    code, said = say("--health", "up")
    assert code == 2
    assert 'REFUSED: --health should be a path that starts with / and holds no white space, found "up"' in said
    assert "next: shipway init --help" in said


def test_what_nobody_can_recognise_is_refused_and_the_way_on_works(repository: Repository, say: Say) -> None:
    repository.remove(["app.py", "requirements.txt"])
    repository.write("main.zig", "pub fn main() void {}\n")
    repository.commit("another language")
    code, said = say("--json")
    assert code == 3
    assert verdict(said)["data"]["code"] == "not-recognised"
    assert "shipway init --run" in verdict(said)["hint"]
    code, said = say("--run", "./serve --port $PORT")
    assert code == 0, said
    assert load(written(repository)).document.process["web"].run == "./serve --port $PORT"


def test_json_holds_every_assumption_with_its_line(repository: Repository, say: Say) -> None:
    code, said = say("--json")
    data = verdict(said)["data"]
    assert code == 0
    assert (data["kind"], data["environment"], data["hosts"]) == ("Flask", "local", ["local"])
    assert {"file": "app.py", "line": 3} in [{"file": one["file"], "line": one["line"]} for one in data["assumptions"]]
    assert data["text"] == written(repository)


def test_it_is_a_refusal_where_there_is_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = say("--json")
    assert code == 2
    assert verdict(said)["data"]["code"] == "no-repository"


def answered(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Somebody at a terminal who gives these answers; "" takes what is offered. Returns the questions, as they come."""
    asked: list[str] = []
    left = list(answers)

    def read(text: str) -> str:
        asked.append(text)
        return left.pop(0)

    monkeypatch.setattr("click.termui.visible_prompt_func", read)
    monkeypatch.setattr(questions, "is_terminal", lambda: True)
    return asked


def test_on_a_terminal_it_asks_with_what_it_recognised_as_the_answer(
    repository: Repository, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answered(monkeypatch, "", "", "up", "/up", "deploy@a.example.org, deploy@b.example.org", "", "shop.example.org")
    code, said = say()
    assert code == 0, said
    assert [one.split(" (")[0] for one in asked[:2]] == ["What it is called", "What web runs"]
    assert "should be a path" in said, "a wrong answer is asked again"
    document = load(written(repository)).document
    production = document.environment["production"]
    assert [host.address for host in production.hosts] == ["deploy@a.example.org", "deploy@b.example.org"]
    assert production.domains == ["shop.example.org"]
    web = document.process["web"]
    assert isinstance(web.run, str) and web.run.endswith("app:app") and web.health is not None and web.health.path == "/up"


@pytest.mark.parametrize("word", ["--yes", "--json", "--dry-run"])
def test_it_asks_nothing_when_told_not_to(word: str, repository: Repository, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answered(monkeypatch) == []
    assert say(word)[0] == 0

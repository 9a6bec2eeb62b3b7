"""The tab key, in the real shells: what is typed behind `shipway` is completed from what lies here, and no host is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shipway.cli.commands import run
from shipway.cli.completing import SHELLS, VARIABLE
from shipway.ledger.names import deployment_names, release_names
from shipway.ledger.store import Ledger
from shipway.model.event import Event
from tests.cli.shells import shell
from tests.reports.story import BEGAN, START, Teller, live, undone

CONFIGURATION = """
app = "shop"
[environment.production]
hosts = [{ name = "alpha", address = "deploy@10.0.0.1" }, { name = "beta", address = "deploy@10.0.0.2" }]
[environment.staging]
hosts = [{ name = "gamma", address = "deploy@10.0.0.3" }]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose ledger knows two deployments of drivers here, one of a driver elsewhere, and one with a name that means harm."""
    made = tmp_path_factory.mktemp("project")
    (made / ".git").mkdir()
    (made / "shipway.toml").write_text(CONFIGURATION)
    evil = Teller("9-evil", START + 500)
    evil(0.0, "began", **{**BEGAN, "version": "1.9;touch owned", "target": 9})
    evil(1.0, "ended", verdict="live", exit_code=0, message="", hint="", seconds=1.0)
    lease = {"do": "lease", "fence": 8, "document": {"version": "1.3", "environment": "production"}}
    row = {"at": START + 200, "deployment": "8-def456", "kind": "member"}
    with Ledger(made) as ledger:
        ledger.add([*live(), *undone("6-fff000", START - 100), *evil.events])
        ledger.learn("production", "alpha", [{**row, "seq": 1, "data": {"message": lease, "reply": {"ok": True}}}])
        ledger.learn("production", "alpha", [{**row, "seq": 2, "data": {"message": {"do": "commit"}, "reply": {"ok": True}}}])
    return made


def environment(**more: str) -> dict[str, str]:
    """Where the shells find `shipway`, and nothing of whoever runs the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": "/nonexistent", "TERM": "xterm", "LANG": "C.UTF-8", "HISTFILE": "", **more}


def answered(line: str, directory: Path) -> list[str]:
    """What bash is told of a line: the words it may go on with."""
    words = line.split(" ")
    asked = environment(COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), **{VARIABLE: "bash_complete"})
    done = subprocess.run(["shipway"], cwd=directory, env=asked, capture_output=True, text=True, timeout=90)
    assert done.stderr == ""
    return [answer.partition(",")[2] for answer in done.stdout.splitlines() if answer]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("shipway re", ["revert", "release", "restart", "resume", "remove"]),
        ("shipway deploy ", ["production", "staging"]),
        ("shipway deploy --wi", ["--without"]),
        ("shipway deploy production --without ", ["alpha", "beta"]),
        ("shipway show production ", ["@last", "8-def456", "7-abc123", "6-fff000"]),
        ("shipway rollback production ", ["@previous", "1.3", "1.2"]),
        ("shipway revert production ", ["@previous", "1.3", "1.2"]),
        ("shipway host remove staging ", ["gamma"]),
        ("shipway completion z", ["zsh"]),
        ("shipway nonsense ", []),
    ],
)
def test_words_are_completed(line: str, words: list[str], project: Path) -> None:
    found = answered(line, project)
    assert [word for word in found if word != "9-evil"] == words, "newest first, and no word that a shell would take for more than a word"


@pytest.mark.parametrize("broken", ["nothing", "half a file", "a damaged ledger", "no repository"])
def test_a_prompt_sees_no_error(broken: str, tmp_path: Path) -> None:
    if broken != "no repository":
        (tmp_path / ".git").mkdir()
    if broken == "half a file":
        (tmp_path / "shipway.toml").write_bytes(b'[environment.production\n\xff = "')
    if broken == "a damaged ledger":
        (tmp_path / "shipway.toml").write_text(CONFIGURATION)
        (tmp_path / ".shipway").mkdir()
        (tmp_path / ".shipway/ledger.db").write_bytes(b"no database" * 500)
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    assert answered("shipway show production ", tmp_path) == ["@last"]
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before, "nothing is written"


def test_names_come_from_the_ledger_only_and_newest_first(project: Path, tmp_path: Path) -> None:
    assert deployment_names(project, "production")[1:] == [("8-def456", "1.3"), ("7-abc123", "1.2"), ("6-fff000", "1.2")]
    assert release_names(project, "production")[1:] == [("1.3", "generation 8"), ("1.2", "generation 7")]
    assert deployment_names(project, "staging") == [] and release_names(tmp_path, "production") == []


def test_a_deployment_that_ended_badly_is_no_release_to_go_back_to(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add([Event("began", 1.0, "1-a", "", BEGAN), Event("ended", 2.0, "1-a", "", {"verdict": "undone"})])
    assert release_names(tmp_path, "production") == [] and deployment_names(tmp_path, "production") == [("1-a", "1.2")]


@pytest.mark.parametrize("name", SHELLS)
def test_the_script_can_be_read_as_json_too(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", name]) == 0
    assert "_shipway_completion" in capsys.readouterr().out
    assert run(["completion", "tcsh"]) == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_tab_key_of_bash(project: Path) -> None:
    with shell(["bash", "--norc", "--noprofile", "-i"], project, environment()) as bash:
        bash.runs('eval "$(shipway completion bash)"')
        assert bash.completed("shipway stat") == "shipway status"
        assert bash.completed("shipway deploy pro") == "shipway deploy production"
        assert bash.completed("shipway show production 7") == "shipway show production 7-abc123"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_the_tab_key_of_zsh(project: Path) -> None:
    with shell(["zsh", "-f", "-i"], project, environment()) as zsh:
        zsh.runs("bindkey -e; autoload -Uz compinit; compinit -u -D")
        zsh.runs('eval "$(shipway completion zsh)"')
        assert zsh.completed("shipway deploy pro") == "shipway deploy production"
        assert zsh.completed("shipway rollback production 1.2") == "shipway rollback production 1.2"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_what_fish_completes(project: Path, tmp_path: Path) -> None:
    asked = "shipway completion fish | source; complete -C 'shipway deploy '; complete -C 'shipway show production '"
    fish = environment(HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path))
    done = subprocess.run(["fish", "--no-config", "-c", asked], cwd=project, env=fish, capture_output=True, text=True, timeout=90)
    words = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert words[:2] == ["production", "staging"] and {"7-abc123", "8-def456"} <= set(words[2:]), done.stdout + done.stderr

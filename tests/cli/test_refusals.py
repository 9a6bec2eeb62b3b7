"""Every refusal that comes before a host is asked: what a person did, the exit code, the code, what is named, and what to type next."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from shipway.cli.commands import run
from tests.apps import Repository

HOSTS = '[environment.production]\nhosts = [ { name = "a", address = "local", root = "{root}", listen = "127.0.0.1:1" } ]\n'
GOOD = 'app = "shop"\n[process.web]\nrun = "./serve"\n' + HOSTS
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12\n"


@dataclass
class Checkout:
    """A repository with one good commit; `root` is where its only host would be."""

    repository: Repository
    root: Path

    def configure(self, text: str) -> None:
        self.repository.write("shipway.toml", text.replace("{root}", str(self.root)))

    def commit(self, text: str | None = None, **files: str) -> None:
        """Commit `text` as shipway.toml and some files; `__` in a name is a slash, `_` before an ending a dot."""
        if text is not None:
            self.configure(text)
        for name, content in files.items():
            self.repository.write(name.replace("__", "/"), content)
        self.repository.commit("next")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(Repository(tmp_path / "checkout"), tmp_path / "root")
    made.commit(GOOD, serve="#!/bin/sh\n")
    return made


Did = Callable[[Checkout], object]


def nothing(checkout: Checkout) -> None:
    """What was typed is all that is wrong."""


def environment(line: str) -> str:
    """The good configuration with one more line in its environment."""
    return GOOD + line + "\n"


def wrote(name: str, content: str = "x") -> Did:
    return lambda c: c.repository.write(name, content)


def committed(text: str | None = None, **files: str) -> Did:
    return lambda c: c.commit(text, **files)


def staged(c: Checkout) -> None:
    c.repository.write("new file.txt", "x")
    c.repository.git("add", "--", "new file.txt")


def left_the_repository(c: Checkout) -> None:
    (c.repository.directory / ".git").rename(c.repository.directory / "not-git")


def took_a_submodule(c: Checkout) -> None:
    c.repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/lib")
    c.repository.git("commit", "-q", "-m", "submodule")
    (c.repository.directory / "vendor/lib").mkdir(parents=True)


def linked_outside(c: Checkout) -> None:
    (c.repository.directory / "outside").symlink_to("/etc/passwd")
    c.repository.commit("a link to somewhere else")


def changed_the_app(c: Checkout) -> None:
    c.commit(GOOD.replace('"shop"', '"other"'))
    c.repository.git("tag", "other")
    c.commit(GOOD)


def took_the_configuration_away(c: Checkout) -> None:
    c.repository.remove(["shipway.toml"])
    c.repository.commit("no configuration")
    c.configure(GOOD)


def emptied(c: Checkout) -> None:
    c.commit('subdirectory = "site"\n' + GOOD, site__page="x")
    c.repository.remove(["site/page"])
    c.repository.commit("nothing left")


def branched(c: Checkout) -> None:
    c.commit(environment('requires = { branch = "release" }'))
    c.repository.git("branch", "release", "HEAD~1")


BUILD = GOOD + '[build]\nrun = ["{run}"]\noutputs = ["made"]\n'

CASES: dict[str, tuple[Did, str, int, str, str, str]] = {
    # ------------------------------------------------------------------ what was typed
    "a command that does not exist": (nothing, "deplyo production", 2, "", "there is no command 'deplyo'; the nearest is deploy", "--help"),
    "an option that does not exist": (nothing, "deploy production --reff main", 2, "", "No such option '--reff'", "shipway deploy --help"),
    "a word that is missing": (nothing, "verify production", 2, "", "Missing argument 'RELEASE'", "shipway verify --help"),
    "a number that is none": (nothing, "history production -n none", 2, "", "'none' is not a valid integer", "shipway history --help"),
    "a removal that nobody confirms": (nothing, "remove production", 2, "", "say --yes", "shipway remove --help"),
    "an environment that does not exist": (
        nothing,
        "deploy prodution",
        2,
        "environment",
        "the nearest is production",
        "Known here: production",
    ),
    "a ref that does not exist": (nothing, "deploy production --ref v9", 2, "ref", "'v9'", ""),
    "a ref that looks like an option": (nothing, "deploy production --ref=--output=x", 2, "ref", "'--output=x'", ""),
    # -------------------------------------------------------------- what was written
    "no configuration": (lambda c: c.repository.remove(["shipway.toml"]), "deploy", 2, "no-config", "no shipway.toml", "shipway init"),
    "a configuration that is not committed": (
        took_the_configuration_away,
        "deploy",
        3,
        "no-file",
        "shipway.toml is not in commit",
        "git add",
    ),
    "faults in the configuration": (committed(GOOD + "wrong = 1\n[env]\nDEBUG = []\n"), "deploy", 2, "config", "has 2 faults", "commit"),
    "several environments and none named": (
        committed(GOOD + HOSTS.replace("production", "staging").replace("{root}", "{root}-2")),
        "deploy",
        2,
        "environment",
        "production, staging",
        "shipway deploy production",
    ),
    "no environment at all": (
        committed(GOOD.partition("[env")[0]),
        "deploy",
        2,
        "environment",
        "the configuration has none",
        "[environment.",
    ),
    "a commit of another application": (changed_the_app, "deploy --ref other", 3, "other-app", "is of the app other", "shop"),
    # ------------------------------------------------------------ what is not committed
    "a change": (wrote("serve", "changed"), "deploy", 3, "requires", "serve", "--ref"),
    "a file that is staged": (staged, "deploy", 3, "requires", "new file.txt", "--ref"),
    "a file that git does not know": (wrote("forgotten.txt"), "deploy", 3, "requires", "forgotten.txt", "--ref"),
    # ----------------------------------------------------------- what must be true first
    "another branch": (branched, "deploy", 3, "requires", "release", ""),
    "a check that fails": (
        committed(environment('requires = { checks = ["echo the build is red; exit 4"] }')),
        "deploy",
        3,
        "requires",
        "the build is red",
        "",
    ),
    # ----------------------------------------------------------- what cannot be shipped
    "no repository": (left_the_repository, "deploy", 2, "no-repository", "is not in a git repository", "git init"),
    "a submodule that is not here": (took_a_submodule, "deploy --ref HEAD", 3, "tree", "vendor/lib", "submodule"),
    "a large file that is not here": (committed(photo=POINTER), "deploy", 3, "tree", "photo", "lfs"),
    "a link to another place": (linked_outside, "deploy", 3, "tree", "outside", ""),
    "a subdirectory that is not there": (committed('subdirectory = "site"\n' + GOOD), "deploy", 3, "subdirectory", "site", "shipway.toml"),
    "a file where something shared would be": (
        committed('shared = ["media"]\n' + GOOD, media__photo="x"),
        "deploy",
        3,
        "shadowed",
        "media/photo",
        "git rm --cached",
    ),
    "a directory that is not there": (committed('static = "public"\n' + GOOD), "deploy", 3, "directory", "public", "shipway.toml"),
    # ---------------------------------------------------------------------- the build
    "a build that fails": (committed(BUILD.replace("{run}", "echo no such library; exit 2")), "deploy", 1, "build", "no such library", ""),
    "a build that makes nothing": (committed(BUILD.replace("{run}", "true")), "deploy", 1, "build", "made", ""),
    "a build that does not end": (
        committed(BUILD.replace("{run}", "sleep 987") + "timeout_seconds = 1\n"),
        "deploy",
        1,
        "build",
        "1 s",
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(case: str, checkout: Checkout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    did, words, exit_code, code, says, hint = CASES[case]
    did(checkout)
    monkeypatch.chdir(checkout.repository.directory)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    assert run([*words.split(), "--json"]) == exit_code
    verdict = json.loads(capsys.readouterr().out.splitlines()[-1])
    told = "\n".join([verdict["message"], *verdict["data"].get("details", ())])
    assert verdict["exit_code"] == exit_code, told
    assert verdict["data"].get("code", "") == code, told
    assert says in told
    assert hint in verdict["hint"]
    assert verdict["hint"], "what to type next"
    assert exit_code == 2 or "shipway deploy" in verdict["hint"], "a command to type"
    assert "nothing was touched" in f"{verdict['message']} {verdict['data'].get('state', '')}".lower()
    assert not checkout.root.exists(), "no host was touched"

    assert run(words.split()) == exit_code
    text = capsys.readouterr().out
    assert "REFUSED: " in text or exit_code == 1, text
    assert "  next: " in text
    assert "Traceback" not in text

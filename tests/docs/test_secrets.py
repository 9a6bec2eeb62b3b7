"""Every command of docs/secrets.md, typed in its order by somebody who has a checkout and no host."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from shipway.cli.commands import COMMANDS, run
from shipway.config.load import load
from shipway.config.secrets.identities import VARIABLE
from tests.apps import Repository

PAGE = (Path(__file__).parents[2] / "docs/secrets.md").read_text(encoding="utf-8")
SETTINGS = 'app = "shop"\n[process.web]\nrun = "serve"\n[environment.production]\nhosts = ["a.example"]\n'


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_what_the_page_tells_to_type_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    repository = Repository(tmp_path / "shop")
    repository.write("shipway.toml", SETTINGS)
    colleague = tmp_path / "colleague"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "colleague@laptop", "-f", colleague], check=True)
    repository.write("colleague.pub", colleague.with_suffix(".pub").read_text())
    repository.commit("Version 1")
    monkeypatch.chdir(repository.directory)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv(VARIABLE, raising=False)
    typed = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
    assert len(typed) >= 9
    for program, *words in typed:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"postgres://s3cret\n")))
        if program == "git":
            repository.git(*words)
        else:
            assert program == "shipway" and run(words) == 0, (words, capsys.readouterr())
    assert (tmp_path / ".config/shipway/age.key").is_file()
    assert "s3cret" not in "".join(capsys.readouterr())


def test_what_the_page_tells_to_write_is_valid() -> None:
    (text,) = blocks("toml")
    assert tomllib.loads(text)["environment"]["production"]["env"]
    document = load(SETTINGS + text).document
    assert set(document.environment["production"].env) == {"DATABASE_URL", "SMTP_PASSWORD"}


def test_every_command_of_the_group_is_on_the_page() -> None:
    missing = [name for name in COMMANDS if name.startswith("secrets ") and f"shipway {name}" not in PAGE]
    assert missing == []

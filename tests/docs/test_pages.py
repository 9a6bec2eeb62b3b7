"""Every command that a page names is one that the command line understands, in blocks, tables and sentences."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from shipway.cli.commands import COMMANDS, WORDS, run
from shipway.flows.words import Words
from tests.docs.page import DOCS, Typed, Written, commands, steps

PAGES = sorted(path for path in DOCS.rglob("*.md") if path.parent.name not in ("decisions", "reference"))
ROOT = DOCS.parent
OPEN = re.compile(r"\||…|\[|\bCOMMAND\b|\bOPTIONS\b")
"""What says that more may follow, or that one of several is meant."""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the flows that would have run: no flow does."""
    names: list[str] = []

    def record(name: str, words: Words, **rest: object) -> int:
        names.append(name)
        return 0

    for word in WORDS:
        module = importlib.import_module(f"shipway.cli.{word.replace('-', '_')}")
        if hasattr(module, "perform"):
            monkeypatch.setattr(module, "perform", record)
    monkeypatch.setattr("click.confirm", lambda *args, **rest: True)
    return names


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_is_understood(page: Path, heard: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(page.read_text(encoding="utf-8")):
        if not command.startswith("shipway ") or OPEN.search(command):
            continue
        words = shlex.split(command.split(" || ")[0].split(" | ")[0])[1:]
        if " ".join(words) in COMMANDS or (words[0] in WORDS and len(words) == 1):
            continue  # the name of a command, in a sentence
        if words[0] in ("console", "secrets"):
            continue  # they ask their terminal before anything else; tests/docs/test_secrets.py types them
        said = run(words)
        assert said == 0, f"{page.relative_to(ROOT)}: {command}\n{capsys.readouterr()}"


def test_a_page_is_read_as_files_and_commands() -> None:
    blocks = [
        '```toml title="a.toml"\nx = 1\n```',
        "```console\n$ one\nit says\n$ two\n```",
        '```toml\nonly = "shown"\n```',
        "- in a list\n\n  ```sh\n  three\n  ```",
    ]
    assert list(steps("\n\n".join(blocks))) == [Written("a.toml", "x = 1\n"), Typed("one", ("it says",)), Typed("two"), Typed("three")]

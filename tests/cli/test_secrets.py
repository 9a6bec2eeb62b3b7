"""`shipway secrets set`: the value comes from a pipe or from the fingers, never from the command line, and nothing shows it."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from shipway.cli import perform
from shipway.cli.commands import run
from shipway.flows.words import SecretsSetWords
from shipway.model.verdict import Verdict
from tests.cli.flow import FakeFlow
from tests.stories.project import SHIPWAY

PRODUCTION: dict[str, Any] = {"project": Path(), "environment": "production"}


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    made = FakeFlow(Verdict("answer", 0, "set"))
    monkeypatch.setattr(perform, "find_flow", lambda name: made)
    return made


def test_what_is_piped_is_the_value(flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"s3cret\nof two lines\n")))
    assert run(["secrets", "set", "production", "TOKEN"]) == 0
    assert flow.words == SecretsSetWords(**PRODUCTION, name="TOKEN", value=b"s3cret\nof two lines\n")


@pytest.mark.parametrize(
    "argv", ["production TOKEN=s3cret", "TOKEN=s3cret", "TOKEN s3cret", "production TOKEN s3cret", "production TOKEN s3cret x"]
)
def test_a_value_on_the_command_line_is_refused_and_not_repeated(argv: str, flow: FakeFlow, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--json"]):
        assert run(["secrets", "set", *argv.split(), *more]) == 2
        said = "".join(capsys.readouterr())
        assert "may not be on the command line" in said and "Take what was typed as known to others" in said
        assert "s3cret" not in said
    assert flow.words is None


def test_a_name_is_needed(flow: FakeFlow, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["secrets", "set"]) == 2
    assert "the name of a variable is missing" in capsys.readouterr().out


def test_what_is_typed_on_a_terminal_does_not_appear_on_it(tmp_path: Path) -> None:
    terminal, theirs = pty.openpty()
    words = [str(SHIPWAY), "secrets", "set", "production", "TOKEN"]
    process = subprocess.Popen(words, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        seen = until(terminal, b"TOKEN: ")
        os.write(terminal, b"s3cret\n")
        seen += until(terminal, b"git repository")
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    assert b"is not in a git repository" in seen, "the value was taken, and only then a project was looked for"
    assert b"s3cret" not in seen


def until(terminal: int, text: bytes) -> bytes:
    """What the terminal shows up to `text`."""
    seen, deadline = b"", time.monotonic() + 60
    while text not in seen:
        assert time.monotonic() < deadline, seen
        try:
            seen += os.read(terminal, 4096)
        except OSError:
            raise AssertionError(f"it ended, and showed {seen!r}") from None
    return seen

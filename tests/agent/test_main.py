"""The agent's own command line: one line for what is wrong, and never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shipway_agent.__main__ import OPTIONS, main
from tests.agent.wire import SOURCES


def agent(*argv: str) -> subprocess.CompletedProcess[str]:
    program = f"import sys; sys.path.insert(0, {SOURCES!r}); from shipway_agent.__main__ import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-I", "-S", "-c", program, *argv]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, check=False)


def test_version_names_itself_and_its_python() -> None:
    said = agent("version")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.split()[0] == "source"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "a word is missing"),
        (["launch"], "unknown word 'launch'"),
        (["serve"], "serve needs --root"),
        (["serve", "--root"], "--root needs a value"),
        (["serve", "--root", ""], "serve needs --root"),
        (["version", "--root", "/x"], "version does not take '--root'"),
    ],
)
def test_wrong_arguments_are_told_with_the_usage(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert said.startswith(says)
    assert all(word in said for word in OPTIONS)


def test_a_root_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = agent("serve", "--root", f"{tmp_path}/file/root")
    assert said.returncode == 1
    assert said.stdout == ""
    assert said.stderr.startswith("shipway agent: ")
    assert "Traceback" not in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_a_session_without_a_channel_ends_at_once(tmp_path: Path) -> None:
    said = agent("serve", "--root", str(tmp_path / "root"))
    assert (said.returncode, said.stdout, said.stderr) == (0, "SHIPWAY 1 source\n", "")

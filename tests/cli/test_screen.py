"""Where a command speaks: a live table on a terminal, plain lines elsewhere, and silence once nobody listens."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from shipway.cli.screen import Screen
from shipway.model.verdict import Verdict
from tests.reports.story import live

ROOT = Path(__file__).parent.parent.parent


class Gone:
    """A stdout whose reader went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        raise ValueError


def test_a_reader_that_went_away_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Gone())
    with Screen() as screen:
        for event in live():
            screen.on_event(event)
        screen.verdict(Verdict("live", 0, "good"))
        assert screen.state.decision == "committed", "the story went on"


def on_a_terminal(env: dict[str, str]) -> str:
    """What a terminal of 80 columns gets to see of a deployment."""
    program = "\n".join(
        [
            "from shipway.cli.screen import Screen",
            "from shipway.model.verdict import Verdict",
            "from tests.reports.story import live",
            "with Screen() as screen:",
            "    [screen.on_event(event) for event in live()]",
            "    screen.verdict(Verdict('live', 0, 'it is live'))",
        ]
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80", "LINES": "24", **env}
    seen = b""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=theirs, stderr=theirs, stdin=theirs, env=environment, cwd=ROOT
    ) as process:
        os.close(theirs)
        try:
            while True:
                try:
                    data = os.read(ours, 65536)
                except OSError:  # the other side of a terminal is gone: everything was read
                    break
                if not data:
                    break
                seen += data
        finally:
            os.close(ours)
            process.kill()
    return seen.decode()


def test_a_terminal_gets_a_live_table_and_then_the_verdict() -> None:
    screen = on_a_terminal({})
    assert "\x1b[?25l" in screen and "\x1b[?25h" in screen, "the cursor is hidden while it draws, and comes back"
    assert "LIVE: it is live" in screen and "X switch" in screen
    assert screen.rindex("LIVE: it is live") > screen.rindex("\x1b[?25h"), "the verdict stands below, and stays"


def test_a_dumb_terminal_gets_plain_lines() -> None:
    screen = on_a_terminal({"TERM": "dumb"})
    assert "\x1b" not in screen and "-- switched -- all hosts" in screen


def test_no_color_is_kept_to() -> None:
    coloured = on_a_terminal({"NO_COLOR": "1"})
    assert "\x1b[3" not in coloured.replace("\x1b[37", ""), "no foreground colour"

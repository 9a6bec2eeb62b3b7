"""What a person sees on a terminal: many hosts in a low window, a narrow one, one that is pulled at, and one without colours."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from shipway.reports.live import WIDE
from tests.cli.terminal import terminal

FLEET = """
import sys, time
from shipway.cli.screen import Screen
from shipway.model.verdict import Verdict
from tests.reports.story import BEGAN, Teller

hosts = [f"host-{number:02}" for number in range(1, 65)]
tell = Teller(start=time.time())
tell(0.0, "began", **{**BEGAN, "members": hosts})
for host in hosts:
    tell(0.0, "leased", host, fence=7, seconds=0.01)
tell(0.0, "phase", name="prepare", wave="prepared")
for host in hosts[:40]:
    tell.step(host, 0.0, 0.0, "member:vote", "vote: prepared")
for host in hosts[60:]:
    tell(0.0, "step", host, key="task:install", title="run install", state="started")
error = {"code": "died", "message": "no space left", "lines": []}
tell.step("host-50", 0.0, 0.0, "tree", "build and verify the tree", state="failed", error=error)
tell(0.0, "output", "host-64", key="task:install", line="collecting packages")
with Screen() as screen:
    for event in tell.events:
        screen.on_event(event)
    sys.stdin.read()
    screen.verdict(Verdict("undone", 1, "host-50: no space left; undone on every host"))
"""
SMALL = FLEET.replace("range(1, 65)", "range(48, 52)")
VERDICT = "UNDONE: host-50: no space left; undone on every host"
TITLE = re.compile(r"^deploy 1\.2")


def table(lines: list[str]) -> list[str]:
    """The lines from the only title on."""
    titles = [number for number, line in enumerate(lines) if TITLE.match(line)]
    return lines[titles[0] :] if len(titles) == 1 else []


def folded(lines: list[str]) -> bool:
    return any("more: " in line for line in table(lines))


def drawn_for(columns: int, hosts: int) -> Callable[[list[str]], bool]:
    """Whether one table stands there, of a window of so many columns and with so many hosts or some of them and a count."""

    def whole(lines: list[str]) -> bool:
        found = table(lines)
        rows = [line for line in found if line.startswith("host-")]
        return len(found) > 1 and found[1].startswith("host " if columns >= WIDE else "host-") and (len(rows) == hosts or folded(lines))

    return whole


@pytest.mark.slow
def test_of_many_hosts_those_that_matter_are_shown_and_the_others_counted() -> None:
    with terminal(FLEET, 80, 24) as seen:
        lines = table(seen.shows(lambda lines: folded(lines) and "collecting packages" in lines[-1]))
        rows = [line.split()[0] for line in lines if line.startswith("host-")]
        assert len(lines) <= 23 and {"host-50", "host-61", "host-62", "host-63", "host-64"} <= set(rows) and rows == sorted(rows)
        assert next(line for line in lines if line.startswith("host-50")).split()[1] == "failed", "a word, not only a colour"
        more = re.search(r"and (\d+) more: (\d+) prepared, (\d+) leased$", "\n".join(lines), re.MULTILINE)
        assert more is not None and int(more[1]) == 64 - len(rows) == int(more[2]) + int(more[3])
        ended = seen.go_on()
        assert table(ended) == [] and VERDICT in ended, "the table is gone, the verdict stays"


@pytest.mark.slow
def test_a_window_may_become_narrower_lower_and_wider_again() -> None:
    with terminal(FLEET, 100, 24) as seen:
        lines = seen.shows(folded)
        for columns, height in ((40, 24), (40, 12), (120, 40)):
            seen.resize(columns, height)
            lines = table(seen.shows(drawn_for(columns, 64)))
            rows = [line.split()[0] for line in lines if line.startswith("host-")]
            assert height - 4 <= len(lines) < height and len(rows) == len(set(rows)) and "host-50" in rows, "one table, each host once"
        assert "run install" in "\n".join(lines), "a wide window has the steps again"
        assert table(seen.go_on()) == []


@pytest.mark.slow
def test_lines_that_a_narrower_window_breaks_are_wiped_and_what_stands_above_stays() -> None:
    with terminal(SMALL, 120, 24) as seen:
        wide = seen.shows(drawn_for(120, 5))
        assert max(map(len, table(wide))) > 40, "so that one is broken"
        seen.resize(40, 24)
        lines = seen.shows(drawn_for(40, 5))
        above = "".join(lines[: len(lines) - len(table(lines))])
        assert "host-50  FAILED: build and verify the tree: no space left" in above


@pytest.mark.slow
def test_without_colours_everything_is_said_in_words() -> None:
    with terminal(FLEET, 90, 30, NO_COLOR="1") as seen:
        seen.shows(folded)
        cells = [cell for line in seen.screen.buffer.values() for cell in line.values()]
        assert {cell.fg for cell in cells} == {"default"} and {cell.bg for cell in cells} == {"default"}
        assert any("failed" in line for line in seen.lines)


@pytest.mark.slow
@pytest.mark.parametrize("env", [{"SHIPWAY_PLAIN": "1"}, {"TERM": "dumb"}])
def test_who_wants_plain_lines_gets_them_on_a_terminal_too(env: dict[str, str]) -> None:
    with terminal(FLEET, 80, 24, **env) as seen:
        ended = seen.go_on()
        assert b"\x1b" not in seen.raw and b"FAILED: build and verify the tree: no space left" in seen.raw
        assert VERDICT in ended

"""The user's crontab: lines of ours come and go under their marker, those of others stay, and what cannot be read is never replaced."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent import crontab
from shipway_agent.errors import AgentError

MARKER = "# shipway /srv/shop"
OURS = ("@reboot one", "* * * * * two")

PROGRAM = """#!/bin/sh
cd {place} || exit 9
case $1 in
    -l) [ ! -e refuses ] || {{ cat refuses >&2; exit 1; }}
        [ -e table ] || {{ echo "no crontab for ann" >&2; exit 1; }}
        cat table ;;
    -r) rm table ;;
    -) cat > table ;;
esac
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file behind a crontab(1) of the test's own: that of whoever runs the tests is not touched."""
    program = tmp_path / "bin/crontab"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(place=shlex.quote(str(tmp_path))))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path / "table"


theirs = st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line and not line.endswith(MARKER.encode())), max_size=6)


@given(theirs, theirs)
def test_lines_of_others_stay_byte_for_byte_and_in_their_order(before: list[bytes], after: list[bytes]) -> None:
    table = b"".join(line + b"\n" for line in before)
    added = crontab.merged(table, MARKER, OURS)
    assert added == table + b"".join(f"{line} {MARKER}\n".encode() for line in OURS)
    assert crontab.merged(added, MARKER, OURS) == added, "and once is enough"
    grown = added + b"".join(line + b"\n" for line in after)
    assert crontab.merged(grown, MARKER, OURS) == grown, "ours stay where they are"
    assert crontab.merged(grown, MARKER, ()) == table + b"".join(line + b"\n" for line in after)


@given(st.lists(st.text(max_size=20), max_size=4))
def test_a_command_is_quoted_as_a_shell_takes_it_and_no_percent_sign_ends_its_line(words: list[str]) -> None:
    assert crontab.escaped(words) == " ".join(map(shlex.quote, words)).replace("%", "\\%")


def test_another_application_with_a_longer_path_keeps_its_lines() -> None:
    other = crontab.merged(b"", MARKER + "-live", OURS)
    assert crontab.merged(other, MARKER, ()) == other
    assert crontab.merged(other, "# shipway op", ()) == other


def test_a_table_is_made_changed_and_taken_away_again(table: Path) -> None:
    assert crontab.put(MARKER, OURS)
    assert table.read_text() == f"@reboot one {MARKER}\n* * * * * two {MARKER}\n"
    assert not crontab.put(MARKER, OURS)
    table.write_bytes(b"MAILTO=ann\n" + table.read_bytes())
    assert crontab.put(MARKER, ["@reboot three"])
    assert table.read_text() == f"MAILTO=ann\n@reboot three {MARKER}\n"
    assert crontab.put(MARKER, [])
    assert table.read_text() == "MAILTO=ann\n"
    table.unlink()
    crontab.put(MARKER, OURS)
    crontab.put(MARKER, [])
    assert not table.exists()


def test_what_cannot_be_read_is_never_replaced(table: Path) -> None:
    table.write_text("0 4 * * * backup\n")
    (table.parent / "refuses").write_text("You (ann) are not allowed to use this program (crontab)\n")
    with pytest.raises(AgentError, match="not allowed to use this program") as caught:
        crontab.put(MARKER, OURS)
    assert caught.value.code == "crontab"
    assert table.read_text() == "0 4 * * * backup\n"


def test_a_host_without_cron_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AgentError, match="there is no crontab"):
        crontab.read()


def test_a_path_reaches_the_shell_as_it_is(table: Path) -> None:
    words = ["printf", "%s\n", "a b", "$HOME", "50%", "it's", 'say "so"']
    line = crontab.escaped(words)
    assert "%" not in line.replace("\\%", "")
    said = subprocess.run(["/bin/sh", "-c", line.replace("\\%", "%")], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == words[2:]

"""User units of systemd: what is in one, what it is called, and that systemd itself finds nothing wrong with it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from shipway_agent import units
from shipway_agent.errors import AgentError
from shipway_agent.surroundings import Account

COMMAND = ["/usr/bin/python3", "-I", "/srv/it's 50% $HOME/agent/current.pyz", "supervise", "--foreground", "--root", '/srv/a "b"\\c']


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(units, "account", lambda: Account("ann", str(tmp_path)))
    monkeypatch.setattr(units, "BOOTED", str(tmp_path / "booted"))
    (tmp_path / units.FOLDER).mkdir(parents=True)
    return tmp_path


def test_a_word_of_the_command_stays_one_word_whatever_is_in_it() -> None:
    command = next(line for line in units.unit_text("shipway-shop-live", COMMAND, "/srv/a").splitlines() if line.startswith("ExecStart"))
    assert '"/srv/it\'s 50%% $$HOME/agent/current.pyz"' in command
    assert '"/srv/a \\"b\\"\\\\c"' in command
    with pytest.raises(AgentError, match="line break"):
        units.unit_text("shipway-shop-live", ["a\nb"], "/srv/a")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    unit = tmp_path / "shipway-shop-live.service"
    unit.write_text(units.unit_text("shipway-shop-live", ["/bin/true", *COMMAND[1:]], "/srv/a"))
    said = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60)
    assert "shipway-shop-live.service" not in said.stderr, said.stderr
    assert said.returncode == 0, said.stderr


def test_two_roots_of_one_application_have_units_of_their_own(home: Path) -> None:
    assert units.name_for("shop", "live", "/srv/a", "0123456789abcdef") == "shipway-shop-live"
    (home / units.FOLDER / "shipway-shop-live.service").write_text(units.unit_text("shipway-shop-live", COMMAND, "/srv/a"))
    assert units.of_root("/srv/a") == ["shipway-shop-live"]
    assert units.of_root("/srv") == []
    assert units.name_for("shop", "live", "/srv/a", "0123456789abcdef") == "shipway-shop-live"
    assert units.name_for("shop", "live", "/srv/b", "0123456789abcdef") == "shipway-shop-live-01234567"


def test_a_unit_goes_where_no_systemd_runs_any_more(home: Path) -> None:
    unit = home / units.FOLDER / "shipway-shop-live.service"
    unit.write_text(units.unit_text("shipway-shop-live", COMMAND, "/srv/a"))
    assert units.remove("shipway-shop-live")
    assert not unit.exists()
    assert not units.remove("shipway-shop-live")

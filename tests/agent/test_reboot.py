"""What starts a supervisor after a reboot: told from the crontab and the user's units, made by one step, and it works under cron's PATH."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from shipway_agent import crontab, daemon, units
from shipway_agent.call import Place
from shipway_agent.itself import CURRENT
from shipway_agent.journal import Journal
from shipway_agent.primitives import facts, reboot
from tests.agent.lodge import Lodge, lodge, process, wait
from tests.agent.test_crontab import table

__all__ = ["table"]


@pytest.fixture(autouse=True)
def read_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(units, "BOOTED", str(tmp_path / "booted"))
    reboot.table.cache_clear()


def test_a_reboot_is_provided_for_by_a_line_in_the_crontab_or_a_unit_that_names_this_root(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, linger, home = "/srv/shipway/shop", tmp_path / "linger", tmp_path / "home"
    monkeypatch.setattr(units, "LINGER", str(linger))
    table.write_text(f"# a comment\n@reboot python3 x.pyz supervise --root {root}\n@reboot python3 x.pyz supervise --root /srv/srvx\n")
    assert reboot.starts_after_reboot(root, "ann", str(home))
    assert not reboot.starts_after_reboot("/srv/shipway/other", "ann", str(home))
    assert not reboot.starts_after_reboot("/srv/shipway/sho", "ann", str(home))
    assert not reboot.starts_after_reboot("/srv", "ann", str(home)), "also where its name is there twice"
    table.unlink()
    reboot.table.cache_clear()
    wanted = home / ".config/systemd/user/default.target.wants"
    wanted.mkdir(parents=True)
    (wanted / "shipway-shop.service").write_text(f'[Service]\nExecStart="/usr/bin/python3" "x.pyz" "supervise" "--root" "{root}"\n')
    assert not reboot.starts_after_reboot(root, "ann", str(home)), "a user unit without lingering does not start at boot"
    (linger / "ann").mkdir(parents=True)
    assert reboot.starts_after_reboot(root, "ann", str(home))


def test_the_step_writes_the_lines_once_and_a_removal_takes_them_away(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crontab, "is_read", lambda: True)
    table.write_text("MAILTO=ann\n")
    with lodge(tmp_path / "root") as one:
        monkeypatch.setattr(reboot, "own_file", lambda: str(one.agent))
        args = {"app": "shop", "environment": "live"}
        assert reboot.ensure(one.context(1), args) == {"by": "cron", "changed": True, "note": ""}
        assert reboot.ensure(one.context(1), args) == {"by": "cron", "changed": False, "note": ""}
        lines = table.read_text().splitlines()
        assert lines[0] == "MAILTO=ann" and [line.split(" /")[0] for line in lines[1:]] == ["@reboot", "* * * * *"]
        assert all(line.endswith(f"# shipway {one.root.path}") for line in lines[1:])
        assert reboot.starts_after_reboot(one.root.path, "ann", "/nowhere")
        monkeypatch.setattr(crontab, "is_read", lambda: False)
        assert "no cron runs" in reboot.ensure(one.context(1), args)["note"]
        assert reboot.forget(one.root) == []
        assert table.read_text() == "MAILTO=ann\n"


def test_who_leases_a_host_is_told_what_its_last_deployment_left_and_everybody_else_what_is_there(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lodge(tmp_path / "root") as one:
        monkeypatch.setattr(reboot, "own_file", lambda: str(one.agent))
        place = Place(one.root, one.root.full("proxy"), "a", "hash")

        def told(hearsay: Journal | None) -> tuple[bool, str]:
            reboot.table.cache_clear()
            hello = facts.hello(place, hearsay=hearsay)
            return hello["after_reboot"], hello["reboot_means"]

        assert told(one.journal) == (False, "cron"), "nothing was left yet, so it is asked"
        reboot.ensure(one.context(1), {"app": "shop", "environment": "live"})
        table.unlink()
        assert told(one.journal) == (True, "cron")
        assert told(None) == (False, "cron")
        assert reboot.ensure(one.context(1), {"app": "shop", "environment": "live"})["changed"], "which mends what is not there any more"
        (table.parent / "refuses").write_text("You (ann) are not allowed to use this program (crontab)\n")
        assert reboot.ensure(one.context(1), {"app": "shop", "environment": "live"})["by"] == ""
        assert told(one.journal) == (False, ""), "what was left is not believed once it could not be left again"


def test_where_neither_systemd_nor_cron_is_the_step_says_so_and_does_not_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with lodge(tmp_path / "root") as one:
        monkeypatch.setattr(reboot, "own_file", lambda: str(one.agent))
        answer = reboot.ensure(one.context(1), {"app": "shop", "environment": "live"})
        assert (answer["by"], answer["changed"]) == ("", False)
        assert answer["note"].startswith("nothing starts this application after a reboot: there is no crontab(1)")
        assert reboot.means() == ""
        assert reboot.forget(one.root) == []


def started_by_cron(one: Lodge) -> subprocess.CompletedProcess[bytes]:
    """The line of every minute, as cron runs it: its shell, its few variables, its PATH."""
    line = reboot.lines(one.root, one.root.full("proxy"))[1].removeprefix("* * * * * ")
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/", "SHELL": "/bin/sh", "LOGNAME": "ann"}
    return subprocess.run(["/bin/sh", "-c", f"{line} # shipway {one.root.path}"], env=environment, check=False, timeout=60)


def test_the_line_of_every_minute_starts_one_supervisor_and_ends_at_once_where_one_runs(tmp_path: Path) -> None:
    with lodge(tmp_path / "root") as one:
        one.generation(1, process())
        one.ensure()
        one.serve(1)
        assert os.readlink(one.root.full(CURRENT)) == one.agent.name
        first = one.pid()
        assert started_by_cron(one).returncode == 0
        assert one.pid() == first, "it runs: nobody else starts"
        one.kill_daemon()
        assert started_by_cron(one).returncode == 0
        second = wait(one.pid, what="the line has started a supervisor")
        assert second != first
        assert one.wait_row(1).state == "up"
        command = Path(f"/proc/{second}/cmdline").read_bytes()
        assert os.fsencode(one.agent.name) in command, "it left the link: that may point elsewhere while it runs"
        answer = daemon.ask(one.root, {"hello": True})
        assert answer is not None and answer["agent"] == one.agent.stem


def waits_for_a_lock(pid: int) -> bool:
    """As the kernel lists it: `1: -> FLOCK  ADVISORY  WRITE PID …`."""
    return any(line.split()[1] == "->" and line.split()[5] == str(pid) for line in Path("/proc/locks").read_text().splitlines())


def test_a_unit_waits_beside_a_supervisor_and_ends_with_it_so_that_systemd_starts_the_current_agent(tmp_path: Path) -> None:
    with lodge(tmp_path / "root") as one:
        one.ensure()
        command = [*reboot._command(one.root, one.root.full("proxy")), "--foreground"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as unit:
            try:
                wait(lambda: waits_for_a_lock(unit.pid), what="it waits for the lock of the one that runs")
                one.kill_daemon()
                assert unit.wait(30) == 0
            finally:
                unit.kill()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as unit:
            try:
                assert wait(one.pid) == unit.pid, "alone, it is the supervisor itself"
            finally:
                unit.terminate()
            assert unit.wait(30) == 0

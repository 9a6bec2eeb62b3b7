"""A damaged journal on a host that systemd booted: its supervisor is a unit's before and after, and no visitor notices."""

from __future__ import annotations

import inspect
import time
from pathlib import Path

import pytest

from tests.hosts import Hosts, systemd
from tests.stories.shop import QUICK
from tests.stories.test_damaged_journal import PAGE_BYTES, damage, visitors
from tests.stories.test_ssh import Fleet

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(300)]

SCRIPT = f"""
from __future__ import annotations
import os, sqlite3
from contextlib import closing
from pathlib import Path
PAGE_BYTES = {PAGE_BYTES}
{inspect.getsource(damage)}
[root] = Path.home().glob(".shipway/apps/*")
damage(root, HOW)
"""
STATE = """
export XDG_RUNTIME_DIR=/run/user/$(id -u)
systemctl --user show --value -p MainPID "shipway-*.service"
grep -h supervises ~/.shipway/apps/*/logs/supervisor.log | tail -n 1 | sed "s/.*process \\([0-9]*\\),.*/\\1/"
grep -c supervises ~/.shipway/apps/*/logs/supervisor.log
"""


def supervisor(hosts: Hosts) -> tuple[int, int, int]:
    """Pid of the unit's main process, 0 where none runs; of who supervises; and how many have."""
    main, last, count = map(int, hosts.run("a", ["sh", "-c", STATE]).stdout.split())
    return main, last, count


@pytest.mark.parametrize("how", ["record", "truncated"])
def test_the_unit_supervises_again_and_no_request_fails(place: Path, how: str) -> None:
    reason = systemd.why_not()
    if reason:
        pytest.skip(reason)
    with Hosts(1, systemd=True) as hosts:
        fleet = Fleet(place, hosts, QUICK)
        fleet.project.run("setup", "live")
        fleet.project.deploy("v1")
        with visitors(fleet.doors[0]) as answers:
            pid = fleet.about("a")["pid"]
            hosts.run("a", ["python3", "-c", SCRIPT.replace("HOW", repr(how))])
            fleet.project.run("doctor", "live", code=1)
            assert "its supervisor was started" in fleet.project.run("doctor", "live", "--fix").text
            main, last, count = supervisor(hosts)
            assert main == last, "the unit's own supervises"
            time.sleep(3)
            assert supervisor(hosts) == (main, main, count), "and it is not started again and again"
            assert fleet.about("a")["pid"] == pid, "what served goes on"
            fleet.project.run("history", "live")
            fleet.project.run("status", "live")
            fleet.project.deploy("v2")
            assert fleet.version() == "2"
        assert answers["200"] > 100 and set(answers) == {"200"}, answers

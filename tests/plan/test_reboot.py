"""So that a host comes back by itself: a step over ssh, a line for the operator's own machine to show, a note where neither can be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shipway.model.intent import Host, Intent
from shipway.plan.deploy import plan_deploy
from shipway.plan.reboot import local_notes
from tests.plan.fleet import CADDIES, KEY, WHO, changed, facts, fresh, intent, release

LINE = "@reboot /usr/bin/python3 -I -S agent/current.pyz supervise --root /r >/dev/null 2>&1"


def said(**hello: Any) -> dict[str, dict[str, Any]]:
    return {name: changed(fresh(name), hello={"reboot_line": LINE, "reboot_means": "cron", **hello}) for name in ("a", "b")}


def here(wanted: Intent) -> Intent:
    """The same environment as roots on the operator's machine."""
    hosts = tuple(Host(host.name, "local", root=f"/r/{host.name}", listen="127.0.0.1:80") for host in wanted.environment.hosts)
    return replace(wanted, environment=replace(wanted.environment, hosts=hosts))


def planned(wanted: Intent, told: dict[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Hosts with the step, and the notes about reboots."""
    plan = plan_deploy(wanted, release(1), facts(told), deployment="1-x", who=WHO, number=1, caddies=CADDIES, peer_key=KEY)
    does = {host: [step.do for wave in plan.waves for step in wave.steps.get(host, ())] for host in plan.members}
    assert all(todo.index("reboot.ensure") < todo.index("process.start") for todo in does.values() if "reboot.ensure" in todo)
    return [host for host, todo in does.items() if "reboot.ensure" in todo], [note for note in plan.notes if "reboot" in note]


def test_hosts_over_ssh_have_the_step_and_nothing_to_say() -> None:
    assert planned(intent(("a", "b")), said()) == (["a", "b"], [])


def test_where_neither_systemd_nor_cron_is_the_plan_says_so_before() -> None:
    hosts, notes = planned(intent(("a", "b")), {**said(), "b": said(reboot_means="")["b"]})
    assert hosts == ["a", "b"]
    assert len(notes) == 1 and notes[0].startswith("b: nothing starts this application after a reboot")
    assert notes[0].endswith("/usr/bin/python3 -I -S agent/current.pyz supervise --root /r")
    assert planned(intent(("a", "b")), said(reboot_means="", after_reboot=True))[1] == []


def test_the_operators_own_crontab_is_left_alone_and_the_line_is_shown() -> None:
    assert planned(here(intent(("a", "b"))), said(reboot_means=""))[0] == []
    assert local_notes(here(intent(("a",))), facts(said())) == [
        f"a: nothing starts it after a reboot; this line in your crontab does: {LINE}"
    ]
    assert local_notes(here(intent(("a",))), facts(said(after_reboot=True))) == []
    assert local_notes(intent(("a",)), facts(said())) == []

"""What machines have and what was made there, as a person and as a program reads it."""

from __future__ import annotations

from shipway.model.machine import Thing
from shipway.reports.machine import machine_json, machine_text

HOSTS = {
    "a": (Thing("user", "made", "user deploy"), Thing("firewall", "note", "ufw seems to close 80", "ufw allow 80/tcp")),
    "b": (
        Thing("user", "there", "user deploy\x1b[31m"),
        Thing("ports", "wanted", "ports from 80 on"),
        Thing("boot", "wrong", "no", "mend it"),
    ),
}


def test_a_block_for_each_host_in_the_order_of_the_work() -> None:
    assert machine_text(HOSTS) == [
        "a",
        "  made   user deploy",
        "  note   ufw seems to close 80",
        "           next: ufw allow 80/tcp",
        "",
        "b",
        "  ok     user deploy",
        "  would  ports from 80 on",
        "  wrong  no",
        "           next: mend it",
        "",
    ]
    assert machine_text({}) == []


def test_programs_get_every_thing_of_every_host() -> None:
    said = machine_json(HOSTS)["hosts"]
    assert [(host, one["thing"], one["state"]) for host, things in said.items() for one in things] == [
        ("a", "user", "made"),
        ("a", "firewall", "note"),
        ("b", "user", "there"),
        ("b", "ports", "wanted"),
        ("b", "boot", "wrong"),
    ]

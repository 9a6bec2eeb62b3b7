"""Which value files of sysctl.d leave after a reboot. What setup makes of it is proved on a machine: tests/stories/test_setup.py."""

from __future__ import annotations

import pytest

from shipway_agent.machine.low_ports import LOWEST, NAME, TEXT, after_boot

KEY = "net.ipv4.ip_unprivileged_port_start"


@pytest.mark.parametrize(
    ("files", "value", "where"),
    [
        ({}, 1024, ""),
        ({"10-a.conf": f"# {KEY} = 0\n"}, 1024, ""),
        ({"10-a.conf": f"{KEY}=0\n"}, 0, "10-a.conf"),
        ({NAME: TEXT}, LOWEST, NAME),
        ({NAME: TEXT, "99-sysctl.conf": f"-{KEY.replace('.', '/')} = 1024"}, 1024, "99-sysctl.conf"),
        ({NAME: TEXT, "50-a.conf": f"{KEY} = 1024\n"}, LOWEST, NAME),
    ],
)
def test_the_last_file_by_name_has_the_last_word(files: dict[str, str], value: int, where: str) -> None:
    assert after_boot(files) == (value, where)

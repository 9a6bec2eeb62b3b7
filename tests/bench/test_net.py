"""The net of bin/bench comes up, its operator reaches the hosts, what it sends and where it logs in is counted, and nothing is left."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.side import groups
from bench.side.net import Line, Net

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.alone,
    pytest.mark.skipif(groups.why_not() is not None, reason=groups.why_not() or ""),
    pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="a line with a delay needs /dev/net/tun"),
]


def test_the_operators_bytes_logins_and_processor_time_are_counted_and_its_line_is_long() -> None:
    with Net(2, Line(round_trip_ms=40)) as net:
        before, logins = net.traffic(), net.logins()
        script = "for host; do head -c 300000 /dev/urandom | ssh -o BatchMode=yes $host 'cat >/dev/null; echo $SSH_CLIENT' || exit 1; done"
        done = subprocess.run(
            net.command(["/bin/sh", "-c", script, "", *net.names]), env=net.env(), capture_output=True, text=True, timeout=60, check=True
        )
        traffic = net.traffic().since(before)
        assert {line.split()[0] for line in done.stdout.splitlines()} == {net.address}
        assert net.logins() - logins == 2
        assert 600_000 < traffic.sent_bytes < 800_000
        assert traffic.sent_packets > 400
        assert 0 < net.ssh.cpu_seconds < net.operator.cpu_seconds
        assert net.served.cpu_seconds > 0
        directory, doors, network = net.directory, net.operator.doors, Path("/run/netns", net.namespace)
    assert not directory.exists()
    assert not [door for door in doors if door.exists()]
    assert not network.exists()

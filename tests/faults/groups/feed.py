"""While hosts pass parcels on to each other, one of them dies, loses its agent or cannot be reached by the others; or the driver dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from tests.faults.case import Case, Family, Group
from tests.faults.drive import Drive
from tests.faults.ground import Ground
from tests.faults.groups.network import HANG_SECONDS, back, converges, settles, told_in_full
from tests.faults.trial import Trial

LARGE_BYTES = 12_000_000
"""Of a file that nothing makes smaller: it is some time on its way, in as many parcels as there are megabytes."""

COME_SECONDS = 60.0


def cases(ground: Ground) -> Iterable[Case]:
    """Each fault on the lead and on another host, and the driver's death."""
    for host, role in ((ground.names[0], "the lead"), (ground.names[-1], "a member")):
        yield Case(f"{role} loses its power", _power(host))
        yield Case(f"{role} loses its agent", _agent(host))
        yield Case(f"{role} is behind a firewall", _firewall(host))
    yield Case("the driver dies", _driver)


def _power(host: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        drive = _feeding(trial, host)
        with ExitStack() as stack:
            stack.enter_context(trial.dark(host))
            trial.ground.hosts.kill(host)
            stack.callback(back, trial, host)
            drive.ended(HANG_SECONDS)
        settles(trial, drive, host)

    return run


def _agent(host: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        drive = _feeding(trial, host)
        for pid in _sessions(trial, host):
            os.kill(pid, signal.SIGKILL)
        trial.suffers(drive, 0.0)
        drive.ended(HANG_SECONDS)
        told_in_full(trial, drive, host)
        trial.expect(drive.code == 0, f"a new agent goes on with what had come, but it ended with {drive.code}:\n{drive.text}")
        converges(trial)

    return run


def _firewall(host: str) -> Callable[[Trial], None]:
    """From the beginning: who cannot be reached by others is found by trying, and the operator sends what it does not get."""

    def run(trial: Trial) -> None:
        hosts = trial.ground.hosts
        _commit(trial)
        hosts.cut(host, *(other for other in hosts.names if other != host))
        try:
            drive = trial.drive("deploy")
            drive.ended(HANG_SECONDS)
        finally:
            hosts.heal(host)
        trial.struck()
        trial.expect(drive.code == 0, f"hosts that cannot reach each other are deployed to all the same:\n{drive.text}")
        converges(trial)

    return run


def _driver(trial: Trial) -> None:
    drive = _feeding(trial, trial.ground.names[-1])
    drive.send(signal.SIGKILL, with_ssh=True)
    drive.ended()
    trial.struck()
    for host in trial.ground.names:
        trial.wait(lambda host=host: not _sessions(trial, host), f"a session goes on at {host}, and may listen", COME_SECONDS)  # type: ignore[misc]
    trial.decided()
    trial.next_deploy()


def _commit(trial: Trial) -> None:
    repository = trial.ground.author.repository
    (repository.directory / "large.bin").write_bytes(os.urandom(LARGE_BYTES))
    trial.commit()


def _feeding(trial: Trial, host: str) -> Drive:
    """A deployment of something large, of which some has come to this host and more is to come."""
    _commit(trial)
    drive = trial.drive("deploy")
    parcels = trial.ground.hosts.home(host) / "deploy"
    trial.wait(lambda: any(parcels.glob(".shipway/apps/*/parcels/*")), f"no parcel comes to {host}", COME_SECONDS)
    return drive


def _sessions(trial: Trial, host: str) -> list[int]:
    return [pid for pid, line in trial.ground.hosts.pids(host).items() if ".pyz serve " in line]


GROUP = Group("feed", (Family("feed-4", 4, cases, seconds=30.0),))

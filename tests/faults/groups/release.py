"""The new release is the fault: it cannot live, turns sick, or takes sshd with it at the switch; the old one serves on or comes back."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from typing import Any

from tests.faults.case import Case, Family, Group
from tests.faults.ground import Ground
from tests.faults.groups.network import converges
from tests.faults.moments import Fault
from tests.faults.trial import Trial

SSH = 22


def lives(ground: Ground) -> Iterable[Case]:
    """What a version may do to itself; each ends red, undone everywhere, and is not tried again by anybody."""
    yield Case("it cannot start", _sick(start="never"))
    yield Case("it is never healthy", _sick(health="never"))
    for seconds in (0.0, 0.05, 0.1, 0.2):
        yield Case(f"it dies {seconds:g} s after its start", _sick(die_after_seconds=seconds))
    yield Case("it turns sick with the first visitor", _sick(sick_after_seconds=0.0))


def _sick(**behaviour: Any) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        before = {host: trial.ground.watch.now(host).version for host in trial.ground.names}
        trial.commit(**behaviour)
        drive = trial.drive("deploy")
        trial.expect(drive.ended() == 1, f"deploy of a release that is sick ended with {drive.code}:\n{drive.text}")
        after = {host: trial.ground.watch.now(host).version for host in trial.ground.names}
        trial.expect(after == before, f"{before} served before, {after} after the undo")
        trial.commit()
        trial.next_deploy()

    return run


def broken_doors(ground: Ground) -> Iterable[Case]:
    """From the switch on nobody can log in; open channels go on, and hide it."""
    for host, role in ((ground.lead, "the lead"), (ground.names[-1], "a member")):
        yield Case(f"it breaks sshd of {role}", _no_login(host, driver_dies=False))
        yield Case(f"it breaks sshd of {role}, and the driver dies", _no_login(host, driver_dies=True))


def _no_login(host: str, *, driver_dies: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        hosts = trial.ground.hosts
        before = trial.ground.watch.now(host).version
        trial.commit()
        drive = trial.drive("deploy", fault=Fault(f"{host} done switch", signal.SIGSTOP))
        hosts.close(host, SSH)
        try:
            drive.send(signal.SIGKILL if driver_dies else signal.SIGCONT)
            drive.ended()
            if not driver_dies:
                trial.expect(drive.code in (1, 4), f"{host} lets nobody in, and deploy ended with {drive.code}:\n{drive.text}")
                trial.expect(host in f"{drive.verdict}", f"the verdict does not name {host}:\n{drive.text}")
            trial.decided()
            now = trial.ground.watch.now(host).version
            trial.expect(now == before, f"{host} lets nobody in and serves {now}, not {before}")
        finally:
            hosts.heal(host)
        converges(trial)

    return run


GROUP = Group("release", (Family("lives-3", 3, lives, seconds=15.0), Family("logins-3", 3, broken_doors, seconds=40.0)))

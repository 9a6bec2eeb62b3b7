"""Wall clocks are wrong by years, in either direction, all the time or from one moment on: no decision changes, and no order."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import tests.hosts
from tests.faults.case import Case, Family, Group
from tests.faults.ground import Ground
from tests.faults.moments import Fault
from tests.faults.trial import Trial

SOURCE = Path(tests.hosts.__file__).with_name("clock.c")
LIBRARY = "/usr/local/lib/clock.so"
YEAR_SECONDS = 365 * 86400
OFF = {"10 years ahead": 10 * YEAR_SECONDS, "10 years behind": -10 * YEAR_SECONDS, "an hour ahead": 3600}
STAGES = ("after decide:lease", "done member:vote", "done member:ready", "done switch", "done prove")


def standing(ground: Ground) -> Iterable[Case]:
    """Each host has another clock while one deploys, rolls back, and deploys again."""
    yield Case("each host another, ahead, behind and right", _wrong(dict(zip(ground.names, (10 * YEAR_SECONDS, -10 * YEAR_SECONDS, 0)))))
    for said, seconds in OFF.items():
        yield Case(f"the lead {said}", _wrong({ground.lead: seconds}))
        yield Case(f"all hosts {said}", _wrong(dict.fromkeys(ground.names, seconds)))


def _wrong(clocks: Mapping[str, int]) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        for host, seconds in clocks.items():
            set_clock(trial.ground, host, seconds)
        try:
            trial.commit()
            for verb in ("deploy", "rollback", "deploy"):
                drive = trial.drive(verb)
                trial.expect(drive.ended() == 0, f"{verb} with clocks off by {dict(clocks)} ended with {drive.code}:\n{drive.text}")
            trial.status()
        finally:
            for host in clocks:
                set_clock(trial.ground, host, 0)

    return run


def jumps(ground: Ground) -> Iterable[Case]:
    """A clock is set in the middle of a deployment."""
    for host, role in ((ground.lead, "the lead"), (ground.names[-1], "a member")):
        for stage in STAGES:
            for said, seconds in OFF.items():
                yield Case(f"{role} jumps to {said}, {stage}", _jump(host, f"{host} {stage}", seconds))


def _jump(host: str, moment: str, seconds: int) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        set_clock(trial.ground, host, 0)
        trial.commit()
        drive = trial.drive("deploy", fault=Fault(moment, signal.SIGSTOP))
        try:
            set_clock(trial.ground, host, seconds)
            drive.send(signal.SIGCONT)
            trial.expect(drive.ended() == 0, f"the clock of {host} was set, and deploy ended with {drive.code}:\n{drive.text}")
            trial.next_deploy()
        finally:
            set_clock(trial.ground, host, 0)

    return run


def set_clock(ground: Ground, host: str, seconds: int) -> None:
    """Every program that starts there from now on, and each that has been told of clocks before, sees the time so far off."""
    ground.hosts.run(host, ["sh", "-c", f"cat >{LIBRARY}.new && mv {LIBRARY}.new {LIBRARY}"], user="root", input=library(ground.place))
    ground.hosts.run(host, ["sh", "-c", f"echo {LIBRARY} >/etc/ld.so.preload && echo {seconds} >/etc/clock"], user="root")


def library(place: Path) -> bytes:
    """The shim, compiled once for a ground."""
    made = place / "clock.so"
    if not made.exists():
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-o", made, SOURCE, "-ldl"], check=True)
    return made.read_bytes()


GROUP = Group("clock", (Family("standing-3", 3, standing, seconds=30.0), Family("jumps-2", 2, jumps)))

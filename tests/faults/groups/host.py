"""A host loses its power, its supervisor or its proxy at every stage of a deployment, and is started again as an init would."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable

from tests.faults.case import Case, Family, Group
from tests.faults.ground import ROOT, Ground
from tests.faults.groups.network import BOOT_SECONDS, STAGES, back_as_decided, settles, stages_of
from tests.faults.moments import Fault
from tests.faults.trial import Trial
from tests.stories.proof import visit

SUPERVISOR = f" supervise --root {ROOT} "
PROXY = "caddy run "


def powers(ground: Ground) -> Iterable[Case]:
    for host, role in ((ground.lead, "the lead"), (ground.names[-1], "a member")):
        for stage in stages_of(STAGES, host, ground.lead):
            yield Case(f"{role} loses its power, {stage}", _power(host, f"{host} {stage}"))


def _power(host: str, moment: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        trial.commit()
        drive = trial.drive("deploy", fault=Fault(moment, signal.SIGSTOP))
        with trial.dark(host):
            trial.ground.hosts.kill(host)
            drive.send(signal.SIGCONT)
            back_as_decided(trial, host)
        drive.ended()
        settles(trial, drive, host)

    return run


def supervisors(ground: Ground) -> Iterable[Case]:
    for host, role in ((ground.lead, "the lead"), (ground.names[-1], "a member")):
        for stage in stages_of(STAGES, host, ground.lead):
            yield Case(f"{role} loses its supervisor, {stage}", _loses(host, f"{host} {stage}", SUPERVISOR, serves=True))


def proxies(ground: Ground) -> Iterable[Case]:
    host = ground.names[-1]
    for stage in STAGES:
        yield Case(f"a host loses its proxy, {stage}", _loses(host, f"{host} {stage}", PROXY, serves=False))


def _loses(host: str, moment: str, program: str, *, serves: bool) -> Callable[[Trial], None]:
    """`serves` says whether visitors may notice: without its proxy a host answers nobody until the proxy is back."""

    def run(trial: Trial) -> None:
        trial.commit()
        drive = trial.drive("deploy", fault=Fault(moment, signal.SIGSTOP))
        with trial.dark(host):
            kill(trial.ground, host, program)
            trial.wait(lambda: running(trial.ground, host, program) != [], f"nobody starts {program.strip()} on {host} again", BOOT_SECONDS)
            trial.wait(lambda: visit(trial.ground.doors[host]).startswith("200 "), f"{host} does not serve again", BOOT_SECONDS)
        if serves:
            trial.darkness.clear()
            trial.struck(anew=True)  # without a supervisor nobody there keeps a deadline
        drive.send(signal.SIGCONT)
        drive.ended()
        settles(trial, drive, host)

    return run


def running(ground: Ground, host: str, program: str) -> list[int]:
    """Processes of a host whose command line has `program`, by this machine's pids."""
    return [pid for pid, command in ground.hosts.pids(host).items() if program in f" {command} "]


def kill(ground: Ground, host: str, program: str) -> None:
    """They end at once. Raises AssertionError where none runs."""
    found = running(ground, host, program)
    assert found, f"no {program.strip()} runs on {host}"
    for pid in found:
        os.kill(pid, signal.SIGKILL)


GROUP = Group(
    "host",
    (Family("power-3", 3, powers, seconds=12.0), Family("supervisor-3", 3, supervisors, seconds=55.0), Family("proxy-1", 1, proxies)),
)

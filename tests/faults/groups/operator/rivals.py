"""Two operators at once: one wins; the other is told who, since when and how far, or waits for what is given back."""

from __future__ import annotations

import getpass
import signal
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from tests.faults.case import Case
from tests.faults.drive import Drive
from tests.faults.ground import Ground
from tests.faults.moments import Fault
from tests.faults.trial import Trial

SLOW_START_SECONDS = 3.0
WATCH_SECONDS = 3.0
ENOUGH_SECONDS = 60.0

ASKS = Fault("a before decide:lease", signal.SIGSTOP)
"""The second one has read all hosts, and stands still until the first is in the middle: however busy the machine is, they meet."""


def rivals(ground: Ground) -> Iterable[Case]:
    """Both begin within a moment of each other; or one comes when the other is in the middle of it."""
    for number, gap in enumerate((0.0, 0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)):
        yield Case(f"two deploys {number + 1}, {gap:g} s apart", _at_once(gap))
    for verb in ("deploy", "rollback", "resume", "abort"):
        for moment in ("b done tree", "c started start", "a done switch"):
            yield Case(f"{verb} when another is at {moment}", _in_the_middle(verb, moment))


def _at_once(gap: float) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        first = trial.commit()
        second = trial.commit()
        one = trial.drive("deploy", "--ref", f"v{first}")
        time.sleep(gap)
        other = trial.drive("deploy", "--ref", f"v{second}")
        codes = [one.ended(ENOUGH_SECONDS), other.ended(ENOUGH_SECONDS)]
        trial.expect(0 in codes and set(codes) <= {0, 3}, f"two at once ended with {codes}:\n{one.text}\n{other.text}")
        for drive in (one, other):
            if drive.code == 3:
                _is_told(trial, drive)
        trial.status()
        trial.next_deploy()

    return run


def _in_the_middle(verb: str, moment: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        trial.commit(times=replace(trial.ground.times, watch_seconds=WATCH_SECONDS), start_seconds=SLOW_START_SECONDS)
        changes = verb in ("deploy", "rollback")  # the others ask for leases only where something is open
        waiting = trial.drive(verb, fault=ASKS) if changes else None
        one = trial.drive("deploy")
        one.comes_to(moment)
        if waiting is not None:
            waiting.send(signal.SIGCONT)
        other = waiting or trial.drive(verb)
        other.ended(ENOUGH_SECONDS)
        trial.expect(one.ended(ENOUGH_SECONDS) == 0, f"whoever held the lease did not end live:\n{one.text}")
        idle = not changes and other.verdict.get("verdict") == "unchanged"
        trial.expect(other.code == 3 or idle, f"{verb} ended with {other.code} while another deployed:\n{other.text}")
        if other.code == 3:
            _is_told(trial, other)
        trial.status()

    return run


def _is_told(trial: Trial, drive: Drive) -> None:
    """Who holds the lease, with which deployment, and for how long."""
    said = str(drive.verdict["message"])
    names = f"{getpass.getuser()}@{socket.gethostname()}"
    told = names in said and " s" in said and "holds the lease" in said
    trial.expect(told or "takes leases at the same time" in said, f"the loser is not told who and since when: {said}")

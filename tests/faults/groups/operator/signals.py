"""Ctrl-C, SIGTERM and a hang-up undo at once and in words; a program that sleeps for 2 T and wakes up changes nothing any more."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable

from tests.faults.case import Case
from tests.faults.drive import Drive
from tests.faults.ground import Ground
from tests.faults.moments import Fault
from tests.faults.trial import Trial

MOMENTS = (
    "a after decide:lease",
    "b before lack",
    "c started tree",
    "d done task:announce",
    "b started start",
    "a started switch",
    "c done switch",
    "d done prove",
    "a before decide:commit",
    "a after decide:commit",
    "b before decide:tell",
    "c started member:finish",
)
"""One or two of each phase, on different hosts."""

DECIDED = MOMENTS[MOMENTS.index("a after decide:commit") :]
"""From here on the deployment is committed, whoever is interrupted."""

TAKES_BACK = ("acknowledged:", "undo:")
"""Steps in which hosts say what they know of an end, and tasks are undone."""

UNDO_SECONDS = 60.0


def interrupted(ground: Ground) -> Iterable[Case]:
    """Each signal once at each moment, and twice at some."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for moment in MOMENTS:
            yield Case(f"{number.name} at {moment}", _interrupted(moment, number))
    for moment in ("c started tree", "b started start", "c done switch", "d done prove"):
        yield Case(f"SIGINT twice at {moment}", _twice(moment))


def stopped(ground: Ground) -> Iterable[Case]:
    """A closed laptop: everything of the driver stands still for 2 T, and somebody else has deployed meanwhile, or nobody."""
    for moment in MOMENTS:
        for hurried in (False, True):
            yield Case(
                f"{moment}, {'somebody deploys meanwhile' if hurried else 'nobody does anything'}", _stopped(moment, hurried=hurried)
            )


def _interrupted(moment: str, number: signal.Signals) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        before = trial.ground.watch.now(trial.ground.lead).version
        version = trial.commit()
        drive = trial.drive("deploy", fault=Fault(moment, number))
        code = drive.ended(UNDO_SECONDS)
        serves = {trial.ground.watch.at_rest(host).version for host in trial.ground.names}
        allowed = (0,) if moment in DECIDED else (3,) if moment == MOMENTS[0] else (0, 1) if moment == "a before decide:commit" else (1,)
        trial.expect(code in allowed, f"interrupted, it ended with {code}, not one of {allowed}:\n{drive.text}")
        trial.expect(serves == {version if code == 0 else before}, f"it ended with {code}, and {serves} serves")
        trial.status()
        trial.next_deploy()

    return run


def _twice(moment: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        trial.commit()
        drive = trial.drive("deploy", fault=Fault(moment, signal.SIGINT))
        if drive.process.returncode is None:
            drive.send(signal.SIGINT)
        code = drive.ended(UNDO_SECONDS)
        trial.expect(code in (1, 3, 4), f"interrupted twice, it ended with {code}:\n{drive.text}")
        trial.struck()
        trial.status()
        trial.decided()
        trial.next_deploy()

    return run


def _stopped(moment: str, *, hurried: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        trial.commit()
        drive = trial.drive("deploy", fault=Fault(moment, signal.SIGSTOP, with_ssh=True))
        struck = time.time()
        if hurried:
            trial.next_deploy()
        else:
            trial.status()
            trial.decided()
        time.sleep(max(0.0, struck + 2 * trial.bound_seconds - time.time()))
        _wakes_up(trial, drive, moment, hurried=hurried)
        trial.status()
        trial.next_deploy()

    return run


def _wakes_up(trial: Trial, drive: Drive, moment: str, *, hurried: bool) -> None:
    """It changes nothing that serves and begins no step; unless it had no leases yet: then it begins anew, as it may. Where nobody has
    come after it, it takes back what its tasks have done: whoever does that first does it once."""
    before = {host: trial.ground.watch.at_rest(host).link for host in trial.ground.names}
    trial.struck()
    woken = time.time()
    drive.send(signal.SIGCONT, with_ssh=True)
    code = drive.ended()
    after = {host: {seen.link for seen in trial.ground.watch.during(host, woken, time.time())} for host in trial.ground.names}
    unbegun, committed = moment == MOMENTS[0], moment in DECIDED
    unchanged = unbegun and hurried and drive.verdict.get("verdict") == "unchanged"
    same = after == {host: {link} for host, link in before.items()}
    trial.expect(same, f"a driver that woke up changed what serves: {before}, then {after}:\n{drive.text}")
    trial.expect(code != 0 or committed or unchanged, f"a driver that was overtaken ended with {code}:\n{drive.text}")
    late = [
        (host, event)
        for host in trial.ground.names
        for event in trial.ground.journal(host, since=woken)
        if event["deployment"] == drive.deployment and event["kind"] == "step" and event["data"]["state"] == "intent"
        if hurried or not event["data"]["key"].startswith(TAKES_BACK)
    ]
    trial.expect(not late or committed or unbegun, f"a driver that was overtaken began steps: {late}")

"""The agent of one host dies at every call that changes a file system, once and twice; or that call fails for want of a disk."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable

from shipway.transports.bounds import LOGIN_SECONDS
from tests.faults import spares, strike
from tests.faults.case import Case, Family, Group
from tests.faults.ground import ENVIRONMENT, Ground
from tests.faults.groups.host import SUPERVISOR, kill, running
from tests.faults.groups.network import settles
from tests.faults.trial import Trial

RECOVERY_CALLS = 50
"""The agent that comes after a dead one has looked at everything and mended it by about this call."""


NEIGHBOURS = 3
"""Calls in a row that do one thing (make, sync and rename a file): any of them fails, with any error. F11 asks for some 120 cases."""


def calls(ground: Ground, host: str, role: int) -> int:
    """How many changing calls the host's agents of that role make in a whole deployment, of a spare tree, until the next one is laid."""
    spares.laid(ground)
    ground.author.commit(ground.settings(ground.times))
    strike.lay(ground, host, role)
    ground.project.run("deploy", ENVIRONMENT)
    spares.come(ground)
    counted = len(strike.lift(ground, host).calls)
    assert counted, "no call was counted"
    return counted


def is_certain(number: int, calls: int) -> bool:
    """Whether each run comes to this call: a few more or less are the scheduler's."""
    return number <= calls * 0.9 - 2


def deaths(ground: Ground) -> Iterable[Case]:
    host = ground.names[-1]
    count = calls(ground, host, strike.SESSION)
    for number in range(1, count + 1):
        second = 1 + number % RECOVERY_CALLS
        certain = is_certain(number, count)
        yield Case(f"killed at changing call {number}", _strike(host, (number,), certain=certain), point=f"{number}")
        name = f"killed at changing call {number}, the next one at its call {second}"
        yield Case(name, _strike(host, (number, second), certain=certain), point=f"{number}")


def errors(ground: Ground) -> Iterable[Case]:
    host = ground.names[-1]
    count = calls(ground, host, strike.SESSION)
    for number in range(1, count + 1):
        for error in (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            run = _strike(host, (number,), error, certain=is_certain(number, count))
            yield Case(f"{errno.errorcode[error]} at changing call {number}", run, point=f"{(number - 1) // NEIGHBOURS}")


def _strike(host: str, at: tuple[int, ...], error: int = 0, *, certain: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        trial.commit()
        strike.lay(trial.ground, host, strike.SESSION, at, error)
        try:
            drive = trial.drive("deploy")
            trial.suffers(drive, LOGIN_SECONDS)
            drive.ended()
        finally:
            struck = strike.lift(trial.ground, host)
        trial.expect(not certain or struck.times > 0, f"nothing was struck in {len(struck.calls)} calls")
        settles(trial, drive, host)

    return run


def supervisor_deaths(ground: Ground) -> Iterable[Case]:
    """The supervisor dies at each of its calls while somebody deploys."""
    host = ground.names[-1]
    strike.prepare(ground, host)
    kill(ground, host, SUPERVISOR)
    ground.author.commit(ground.settings(ground.times))
    ground.project.run("deploy", ENVIRONMENT)  # which starts one that can be struck
    count = calls(ground, host, strike.SUPERVISOR)
    for number in range(1, count + 1):
        run = _struck_supervisor(host, number, certain=is_certain(number, count))
        yield Case(f"the supervisor is killed at changing call {number}", run)


def _struck_supervisor(host: str, number: int, *, certain: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        trial.commit()
        before = running(trial.ground, host, SUPERVISOR)
        strike.lay(trial.ground, host, strike.SUPERVISOR, (number,))
        try:
            drive = trial.drive("deploy")
            trial.suffers(drive, LOGIN_SECONDS)
            drive.ended()
            spares.come(trial.ground, unless=lambda: strike.struck(trial.ground, host) > 0)
        finally:
            struck = strike.lift(trial.ground, host)
        trial.expect(not certain or struck.times > 0, f"the supervisor was not struck in {len(struck.calls)} calls")
        trial.expect(not struck.times or before != running(trial.ground, host, SUPERVISOR), "the supervisor was struck and is the same")
        settles(trial, drive, host)

    return run


GROUP = Group(
    "agent",
    (
        Family("killed-2", 2, deaths, looks=True, about=331, variants=2),
        Family("errors-2", 2, errors, looks=True, about=112, variants=12),
        Family("supervisor-2", 2, supervisor_deaths, looks=True, about=184),
    ),
)

"""A deployment with migrations loses its driver at every message, its agents at every change, its database in the middle."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from tests.faults.books import PHASES
from tests.faults.case import Case, Family, Group
from tests.faults.ground import Ground
from tests.faults.groups.agent import deaths, supervisor_deaths
from tests.faults.groups.network import HANG_SECONDS
from tests.faults.groups.operator.deaths import deaths_of
from tests.faults.trial import Trial

KEYS = {"phases": ("point:main", "migrate:expand", "start"), "held": ("hold", "point:main", "migrate:held", "start")}
"""Steps of the lead around which the database dies."""


def crashes(ground: Ground) -> Iterable[Case]:
    """The database dies as a crash takes it, when a step of the lead begins or has ended, and comes back a moment later."""
    for key in ("migrations", *KEYS[ground.kind]):
        for when in ("started", "done"):
            moment = f"{ground.lead} {when} {key}"
            yield Case(f"the database crashes: {when} {key}", _crash(moment))
            yield Case(f"the database crashes, and the driver dies: {when} {key}", _crash(moment, driver=True))


def _crash(moment: str, *, driver: bool = False) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        books = trial.ground.books
        assert books is not None
        trial.commit()
        drive = trial.drive("deploy")
        drive.comes_to(moment)
        with ExitStack() as stack:
            for host in trial.ground.names:
                stack.enter_context(trial.dark(host))  # nobody can write while there is no database
            books.server.stop(signal.SIGKILL)
            if driver:
                drive.send(signal.SIGKILL, with_ssh=True)
            books.server.start()
        trial.suffers(drive, 0.0)
        drive.ended(HANG_SECONDS)
        trial.struck()
        trial.decided()
        trial.next_deploy()

    return run


def _families(kind: str) -> tuple[Family, ...]:
    return (
        Family(f"{kind}-driver-1", 1, deaths_of("deploy"), looks=True, about=50, variants=2, seconds=8.0, books=kind),
        Family(f"{kind}-driver-2", 2, deaths_of("deploy"), looks=True, about=130, variants=2, seconds=8.0, books=kind),
        Family(f"{kind}-agent-1", 1, deaths, looks=True, about=500, variants=2, books=kind),
        Family(f"{kind}-supervisor-1", 1, supervisor_deaths, looks=True, about=120, seconds=8.0, books=kind),
        Family(f"{kind}-database-2", 2, crashes, seconds=12.0, books=kind),
    )


GROUP = Group("books", tuple(family for kind in PHASES for family in _families(kind)))

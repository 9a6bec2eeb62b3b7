"""The operator's program dies at every message that a host journals, for every host; or it sleeps, or is interrupted, or is two."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.faults.case import Case, Family, Group
from tests.faults.ground import ENVIRONMENT, Ground, Times
from tests.faults.moments import Fault
from tests.faults.trial import Trial

RESUME_TIMES = Times(confirm_seconds=8.0)
"""A fleet that waits long enough for somebody to type `resume`, so that every moment of a resume comes."""


def deaths_of(verb: str) -> Callable[[Ground], Iterable[Case]]:
    """A case for each moment of `verb` on that fleet, twice: the program alone dies and nobody does anything; its ssh processes die
    with it, and somebody deploys at once. The two are exchanged at every second moment."""

    def cases(ground: Ground) -> Iterable[Case]:
        for number, moment in enumerate(moments_of(ground, verb)):
            for whole_group in (False, True):
                hurried = whole_group != bool(number % 2)
                name = f"{moment}, {'with its ssh' if whole_group else 'alone'}, {'then a deploy at once' if hurried else 'then nobody'}"
                yield Case(name, _death(verb, Fault(moment, whole_group=whole_group), hurried=hurried))

    return cases


def moments_of(ground: Ground, verb: str) -> list[str]:
    """The moments of a run that nobody disturbs, in order."""
    if verb == "deploy":
        ground.author.commit(ground.settings(ground.times))
        return [moment.name for moment in ground.rehearse("deploy", ENVIRONMENT)]
    if verb == "rollback":
        there = [moment.name for moment in ground.rehearse("rollback", ENVIRONMENT)]
        ground.project.run("deploy", ENVIRONMENT)
        return there
    ground.author.commit(ground.settings(RESUME_TIMES))
    ground.rehearse("deploy", ENVIRONMENT, fault=_undecided(ground))
    return [moment.name for moment in ground.rehearse("resume", ENVIRONMENT)]


def _undecided(ground: Ground) -> Fault:
    """Every host has switched and proved, and nothing is decided."""
    return Fault(f"{ground.lead} before decide:commit")


def _death(verb: str, fault: Fault, *, hurried: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        if verb != "rollback":
            trial.commit(times=RESUME_TIMES if verb == "resume" else None)
        if verb == "resume":
            trial.drive("deploy", fault=_undecided(trial.ground))
        trial.drive(verb, fault=fault)
        if not hurried:
            trial.status()
            trial.decided()
        trial.next_deploy()
        if hurried:
            trial.status()

    return run


GROUP = Group(
    "operator",
    tuple(Family(f"{verb}-{size}", size, deaths_of(verb)) for verb in ("deploy", "rollback", "resume") for size in (1, 4)),
)

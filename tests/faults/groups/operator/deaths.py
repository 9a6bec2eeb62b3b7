"""The program is killed at every message that a host journals, for every host: `deploy`, `rollback` and `resume`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from shipway_agent.states import DECISIONS, NEXT
from tests.faults.case import Case
from tests.faults.ground import ENVIRONMENT, Ground, Times
from tests.faults.moments import Fault, is_journalled, plain
from tests.faults.trial import Trial

TRIES = 3
"""How often somebody types `resume` before the hosts, on a busy machine, have settled by themselves."""

BY_ITSELF = frozenset({"expire", "reboot", "alone", "restore"})
"""Moves of the state table that a host makes when no driver speaks."""

WITHIN = {"arm": "switch", "switched": "switch", "revert": "decide:undo", "touch": "migrate:held"}
"""Moves that have no message of their own: the step or call in which a host makes them."""


def deaths_of(verb: str) -> Callable[[Ground], Iterable[Case]]:
    """A case for each moment of `verb` on that fleet, twice: the program alone dies and nobody does anything; its ssh processes die
    with it, and somebody deploys at once. The two are exchanged at every second moment."""

    def cases(ground: Ground) -> Iterable[Case]:
        for number, moment in enumerate(moments_of(ground, verb)):
            for with_ssh in (False, True):
                hurried = with_ssh != bool(number % 2)
                name = f"{moment}, {'with its ssh' if with_ssh else 'alone'}, {'then a deploy at once' if hurried else 'then nobody'}"
                yield Case(name, _death(verb, Fault(moment, with_ssh=with_ssh), hurried=hurried), point=moment)

    return cases


def moments_of(ground: Ground, verb: str) -> list[str]:
    """The moments of a run that nobody disturbs, in order. Raises AssertionError when a host journalled what has no moment."""
    if verb == "resume":
        ground.author.commit(ground.settings(unhurried(ground.times)))
        ground.rehearse("deploy", ENVIRONMENT, fault=undecided(ground))
    else:
        ground.author.commit(ground.settings(ground.times))
    began = time.time()
    came = ground.rehearse(verb, ENVIRONMENT, code=1 if verb == "resume" else 0)
    moments = [moment.name for moment in came if is_journalled(moment.name) and not is_repeated_wait(moment.name)]
    missed = [text for host in ground.names for text in _missed(ground, host, began, moments)]
    assert not missed, f"no moment of {verb} stands for: {missed}"
    if verb == "rollback":
        ground.project.run("deploy", ENVIRONMENT)
    return moments


def is_repeated_wait(moment: str) -> bool:
    """Whether it is of a lease that is asked for again: how often depends on what is left of the earlier one."""
    return moment.split()[2].startswith("decide:lease#")


def unhurried(times: Times) -> Times:
    """Hosts wait long enough for somebody to type `resume`, so that every moment of it comes."""
    return replace(times, confirm_seconds=times.confirm_seconds + 6.0)


def undecided(ground: Ground) -> Fault:
    """Every host has switched and proved, and nothing is decided."""
    return Fault(f"{ground.lead} before decide:commit")


def _missed(ground: Ground, host: str, began: float, moments: Iterable[str]) -> Iterable[str]:
    """What a host journalled in a clean run, and what the state table lets a driver do, that no moment stands for."""
    known = set(moments)
    journal = [event for event in ground.journal(host, since=began) if event["deployment"][:1].isdigit()]
    told = {event["data"]["message"]["do"] for event in journal if event["kind"] == "member"}
    steps = {plain(event["data"]["key"]) for event in journal if event["kind"] == "step"}
    for key in steps:
        if not {f"{host} started {key}", f"{host} done {key}"} <= known:
            yield f"{host}: step {key}"
    for do in told | ({event for stage, event in NEXT if stage not in DECISIONS} - BY_ITSELF if "switch" in steps else set()):
        names = {do, f"decide:{do}", f"member:{do}", WITHIN.get(do, do)}
        decides = do in ("commit", "revert", "undo")  # of the lead; the others are told
        if not any(f"{host} {when} {name}" in known for when in ("before", "started") for name in names) and not decides:
            yield f"{host}: message {do}"
    if "switch" in steps and f"{ground.lead} before decide:commit" not in known:
        yield "the decision"


def _death(verb: str, fault: Fault, *, hurried: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        if verb == "resume":
            _struck_resume(trial, fault)
        else:
            if verb == "deploy":
                trial.commit()
            trial.drive(verb, fault=fault)
        if not hurried:
            trial.status()
            trial.decided()
        trial.next_deploy()
        if hurried:
            trial.status()

    return run


def _struck_resume(trial: Trial, fault: Fault) -> None:
    for number in range(TRIES):
        trial.commit(times=unhurried(trial.ground.times))
        trial.drive("deploy", fault=undecided(trial.ground))
        drive = trial.drive("resume", fault=fault, certain=number == TRIES - 1)
        if drive.struck_at is not None:
            return
        trial.decided()

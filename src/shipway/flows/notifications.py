"""A plan and the operator's environment in, the plan with secrets in place out; and afterwards, what of the host's messages did not go out.

Values are put in right before a plan is carried out, so that no plan that is printed, compared or reported ever holds one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.model.errors import AGAIN, HostError, WrongInput
from shipway.model.facts import HostFacts
from shipway.model.intent import Environment
from shipway.model.plan import Plan, Step
from shipway.plan.facts import read_notifications
from shipway.plan.notifications import KEEP, VARIABLE, keep_steps
from shipway.plan.notifications import targets as targets_of
from shipway.reports.notifications import trouble
from shipway_agent.record import replace

WAIT_SECONDS = 3.0
"""How long the lead may take to try what it was just given to tell."""


def with_secrets(plan: Plan, environment: Mapping[str, str]) -> Plan:
    """The plan to carry out. Raises WrongInput naming every variable that is not set, or holds what may not be a target."""
    faults: list[str] = []
    filled = {name: _filled(step, environment, faults) for name, step in _keeping(plan).items()}
    _refuse(faults)
    waves = tuple(
        replace(wave, steps={name: tuple(filled[name] if s.do == KEEP else s for s in todo) for name, todo in wave.steps.items()})
        for wave in plan.waves
    )
    return replace(plan, waves=waves)


def check_variables(environment: Environment, variables: Mapping[str, str]) -> None:
    """Raises WrongInput naming every variable that `notify` needs and that is not set, or holds what may not be a target."""
    faults: list[str] = []
    for index, target in enumerate(targets_of(environment)):
        _target(target, f"notify[{index}]", variables, faults)
    _refuse(faults)


async def keep(fleet: Fleet, environment: Environment, facts: Mapping[str, HostFacts], variables: Mapping[str, str]) -> None:
    """Have every host keep whom to tell, where nothing else is to be done. Raises WrongInput, HostError."""
    faults: list[str] = []
    todo = {name: _filled(step, variables, faults) for name in fleet.names for step in keep_steps(environment, facts[name])}
    _refuse(faults)
    outcomes = await fleet.each(lambda name: fleet.call(name, "notifications", {"keep": todo[name].args["targets"]}), todo)
    for error in outcomes.errors.values():
        raise error


async def keep_before_files(fleet: Fleet, plan: Plan, facts: Mapping[str, HostFacts]) -> None:
    """Have hosts that know of nobody yet keep whom to tell as soon as they are leased, so that a first deployment which fails on the way

    is told too. `plan` is with secrets. What goes wrong here is said by the plan's own step, which does it again.
    """
    todo = {name: step for name, step in _keeping(plan).items() if not facts[name].notifications.targets}
    await fleet.each(lambda name: fleet.call(name, "notifications", {"keep": todo[name].args["targets"]}), todo)


async def tell_trouble(fleet: Fleet, plan: Plan, tell: Tell, behind: Mapping[str, object] | None) -> None:
    """Ask the lead, which speaks for the fleet, and tell what it could not send yet. Changes no verdict.

    `behind` is why a commit is not settled: the lead tells that as well.
    """
    if not _keeping(plan):
        return
    more = {} if behind is None else {"behind": {"deployment": tell.deployment, "reason": behind}}
    try:
        answer = await fleet.call(plan.lead, "notifications", {"seconds": WAIT_SECONDS, **more}, timeout_seconds=WAIT_SECONDS + 7.0)
        said = trouble(read_notifications(plan.lead, answer))
    except HostError as error:
        said = f"whether its notifications went out is not known: {error.message}"
    if said:
        tell("note", host=plan.lead, message=said)


def _keeping(plan: Plan) -> dict[str, Step]:
    """The step of each host that keeps whom to tell."""
    return {name: step for wave in plan.waves for name, todo in wave.steps.items() for step in todo if step.do == KEEP}


def _refuse(faults: list[str]) -> None:
    if faults:
        count = len(set(faults))
        raise WrongInput(
            f"{count} variable{'s' if count > 1 else ''} for notifications cannot be used",
            state="nothing was touched",
            hint=f"set them in your environment (export NAME=…), then {AGAIN}",
            code="variable",
            details=list(dict.fromkeys(faults)),
        )


def _filled(step: Step, environment: Mapping[str, str], faults: list[str]) -> Step:
    targets_of_step = [_target(target, f"notify[{index}]", environment, faults) for index, target in enumerate(step.args["targets"])]
    return replace(step, args={"targets": targets_of_step})


def _target(target: Mapping[str, Any], where: str, environment: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    names = {key: value[VARIABLE] for key, value in target.items() if isinstance(value, Mapping) and VARIABLE in value}
    filled = dict(target)
    for key, variable in names.items():
        if not environment.get(variable):
            faults.append(f"{where}: {variable} is not set in your environment")
        filled[key] = environment.get(variable, "")
    if names and all(filled[key] for key in names):
        from shipway_agent.notifications import targets

        faults += [f"{where}: {', '.join(names.values())}: {fault}" for fault in targets.faults(filled)]
    return filled

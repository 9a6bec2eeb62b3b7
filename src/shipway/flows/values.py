"""An intent that refers to values in, the same with the values in their places out: asked for all at once, before anything is touched."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from shipway.config.secrets.age import unseal
from shipway.config.secrets.command import ask
from shipway.config.secrets.identities import VARIABLE, Identities, find, home
from shipway.config.secrets.value import read_value
from shipway.execute.telling import Tell
from shipway.model.errors import AGAIN, WrongInput
from shipway.model.intent import Env, Hidden, Intent, Reference
from shipway.release.command import text_of
from shipway_agent.record import replace

AT_ONCE = 8
"""Commands that are asked at the same time."""


class NoValue(str):
    """Why a value cannot be had, in a sentence that names where it was looked for."""

    __slots__ = ()


def environments(intent: Intent) -> Mapping[str, Env]:
    """The variables of an intent by who gets them: "" is everybody, then `process.NAME`, `task.NAME` and `data.NAME`, which come on top."""
    shipment = intent.shipment
    return {
        "": {**shipment.env, **intent.environment.env},
        **{f"process.{process.name}": process.env for process in shipment.processes},
        **{f"task.{task.name}": task.env for task in shipment.ending},
        **{f"data.{data.name}": data.env for data in intent.environment.data},
    }


def place(owner: str, name: str) -> str:
    """`NAME`, `process.web.NAME`, `task.migrate.NAME` or `data.main.NAME`."""
    return f"{owner}.{name}" if owner else name


async def with_values(intent: Intent, directory: Path, tell: Tell, sealed: Mapping[str, bytes] = MappingProxyType({})) -> Intent:
    """Every Reference replaced by what it refers to. `directory` is where commands run: that of shipway.toml; `sealed` are files.

    Raises WrongInput naming each value that cannot be had. No value is told, and none is in a message.
    """
    wanted = {
        place(owner, name): value
        for owner, env in environments(intent).items()
        for name, value in env.items()
        if isinstance(value, Reference)
    }
    if not wanted:
        return intent
    commands = {reference for reference in wanted.values() if reference.command is not None}
    if commands:
        most = max(reference.timeout_seconds for reference in commands) * -(-len(commands) // AT_ONCE)
        what = "1 command is asked" if len(commands) == 1 else f"{len(commands)} commands are asked"
        tell("note", message=f"{what} for secrets, for at most {most:g} s")
    found = await values(wanted.values(), directory, sealed)
    faults = [f"{name}: {value}" for name, reference in wanted.items() if isinstance(value := found[reference], NoValue)]
    if faults:
        count = len(faults)
        raise WrongInput(
            f"{count} value{'s' if count > 1 else ''} of the environment cannot be had",
            state="nothing was touched",
            hint=f"do what each line says (what a command prints is never shown: type it yourself to see), then {AGAIN}",
            code="secret",
            details=faults,
        )
    return _filled(intent, {reference: value for reference, value in found.items() if isinstance(value, Hidden)})


async def values(
    references: Iterable[Reference], directory: Path, sealed: Mapping[str, bytes] = MappingProxyType({})
) -> Mapping[Reference, Hidden | NoValue]:
    """The value of each, or why it cannot be had. What is referred to twice is asked once."""
    gate = asyncio.Semaphore(AT_ONCE)
    mine = cache(own_identities)

    async def value(reference: Reference) -> tuple[Reference, Hidden | NoValue]:
        async with gate:
            return reference, await _value(reference, directory, sealed, mine)

    return dict(await asyncio.gather(*map(value, dict.fromkeys(references))))


def source(reference: Reference) -> str:
    """Where a value comes from, for a person."""
    if reference.file:
        return reference.file
    return f"`{text_of(reference.command)}`" if reference.command is not None else f"{reference.variable} of your environment"


def own_identities() -> Identities:
    """The keys of whoever runs this."""
    return find(os.environ, home())


async def _value(reference: Reference, directory: Path, sealed: Mapping[str, bytes], mine: Callable[[], Identities]) -> Hidden | NoValue:
    try:
        if reference.file:
            return unseal(sealed[reference.file], mine())
        if reference.command is not None:
            others = {name: value for name, value in os.environ.items() if name != VARIABLE}
            return await ask(reference.command, directory=directory, environment=others, timeout_seconds=reference.timeout_seconds)
        if reference.variable not in os.environ:
            return NoValue(f"{reference.variable} is not set in your environment: export {reference.variable}=…")
        return read_value(os.environb[os.fsencode(reference.variable)])
    except ValueError as fault:
        return NoValue(f"{source(reference)} {fault}")


def _filled(intent: Intent, found: Mapping[Reference, Hidden]) -> Intent:
    def fill(env: Env, without: Env | None = None) -> Env:
        kept = {name: value for name, value in env.items() if name not in (without or {})}
        return {name: found[value] if isinstance(value, Reference) else value for name, value in kept.items()}

    shipment, environment = intent.shipment, intent.environment
    return replace(
        intent,
        environment=replace(
            environment, env=fill(environment.env), data=tuple(replace(data, env=fill(data.env)) for data in environment.data)
        ),
        shipment=replace(
            shipment,
            # What the environment replaces was not asked for.
            env=fill(shipment.env, environment.env),
            processes=tuple(replace(process, env=fill(process.env)) for process in shipment.processes),
            tasks=tuple(replace(task, env=fill(task.env)) for task in shipment.tasks),
            jobs=tuple(replace(job, env=fill(job.env)) for job in shipment.jobs),
        ),
    )

"""Tasks in file order in, waves out: everything runs on all hosts at once, and a `once` task stands in a wave of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from shipway.model.intent import Host, Task
from shipway.model.plan import Step, Wave
from shipway.plan.runtimes.process import fits

Lists = Mapping[str, Sequence[Step]]


def waves(
    phase: Literal["prepare", "activate", "start"],
    barrier: str,
    hosts: Sequence[Host],
    tasks: Sequence[Task],
    make: Callable[[Task], Step],
    *,
    first: Lists | None = None,
    last: Lists | None = None,
) -> tuple[Wave, ...]:
    """The waves of one phase. `first` and `last` are steps before and after the tasks, per host; `barrier` names the last wave.

    A `once` task runs on the first host, by id, that has its role, and all hosts wait for it: exactly one host of the fleet runs it.
    """
    done: list[Wave] = []
    pending: dict[str, list[Step]] = {h.name: list((first or {}).get(h.name, ())) for h in hosts}
    for task in tasks:
        fitting = [h for h in sorted(hosts, key=lambda h: h.name) if fits(task.roles, h)]
        if not task.once:
            for host in fitting:
                pending[host.name].append(make(task))
        elif fitting:
            done += _closed(phase, f"{phase} before {task.name}", pending)
            pending = {h.name: [] for h in hosts}
            done.append(Wave(f"{task.name} on {fitting[0].name}", phase, {fitting[0].name: (make(task),)}))
    for host in hosts:
        pending[host.name] += (last or {}).get(host.name, ())
    done += _closed(phase, barrier, pending)
    return tuple(done)


def runners(task: Task, hosts: Sequence[Host]) -> tuple[str, ...]:
    """The hosts, by id, that run the task: one for a `once` task, none where no host has its role."""
    fitting = tuple(h.name for h in sorted(hosts, key=lambda h: h.name) if fits(task.roles, h))
    return fitting[:1] if task.once else fitting


def _closed(phase: Literal["prepare", "activate", "start"], name: str, pending: Mapping[str, Sequence[Step]]) -> list[Wave]:
    steps = {host: tuple(todo) for host, todo in sorted(pending.items()) if todo}
    return [Wave(name, phase, steps)] if steps else []

"""Tasks that hosts say ran for deployments that did not go live in; each undone once, or named because it cannot be, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shipway.execute import steps
from shipway.execute.ask import Left
from shipway.execute.fleet import Fleet
from shipway.execute.lease import Claim
from shipway.execute.telling import Tell
from shipway.model.errors import HostError
from shipway.model.plan import Step
from shipway_agent.record import dataclass, replace

GRACE_SECONDS = 15.0
NAME_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Undone:
    """Tasks by name and host: what was undone, and what ran and stays as it is."""

    undone: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Both as the end of a sentence, empty where there is neither."""
        said = [f"undone: {', '.join(self.undone)}"] if self.undone else []
        return "; ".join([*said, f"these tasks ran and have no undo: {', '.join(self.kept)}"] if self.kept else said)


async def undo_tasks(fleet: Fleet, claim: Claim, tell: Tell, left: Mapping[str, Sequence[Left]]) -> Undone:
    """Undo what has an undo, newest first on each host, and name the rest: it is told here, and each host remembers that it was.

    Runs behind the decision, under the number of this driver, whoever ran the tasks.
    """
    undone: list[str] = []
    kept: list[str] = []

    async def one(host: str) -> None:
        for task in left[host]:
            name = _name(task, host, claim)
            try:
                if task["undo"] and await _undo(fleet, host, claim, tell, task):
                    undone.append(name)
                if task["undo"]:
                    continue
            except HostError as error:
                tell("note", host=host, message=f"the undo of {task['task']} failed: {error.message}")
            kept.append(name)
            try:
                await _run(
                    fleet,
                    host,
                    claim,
                    tell,
                    task,
                    Step(f"named:{_key(task)}", "task.name", {}, "remember that it was named", NAME_SECONDS),
                )
            except HostError:
                pass  # then the next command names it again

    await fleet.each(one, left)
    return Undone(tuple(sorted(undone)), tuple(sorted(kept)))


async def _undo(fleet: Fleet, host: str, claim: Claim, tell: Tell, task: Left) -> bool:
    args = {"generation": task["number"], "name": task["task"]}
    bound = float(task["timeout_seconds"]) + GRACE_SECONDS
    step = Step(f"undo:{_key(task)}", "task.undo", args, f"undo {task['task']}", bound)
    return bool((await _run(fleet, host, claim, tell, task, step)).get("undone", True))


async def _run(fleet: Fleet, host: str, claim: Claim, tell: Tell, task: Left, step: Step) -> dict[str, Any]:
    # Under the deployment that ran the task, so that it is done once, and under our own number, so that it is permitted.
    theirs = replace(claim, deployment=str(task["deployment"]))
    answers = await steps.run(fleet, host, theirs, (step,), tell, decided=True, where=steps.Where("undo", "undo"))
    answer: dict[str, Any] = answers[step.key]
    return answer


def _key(task: Left) -> str:
    """Of the step that is undone."""
    return str(task.get("key") or f"task:{task['task']}")


def _name(task: Left, host: str, claim: Claim) -> str:
    of = "" if task["deployment"] == claim.deployment else f" of {task['deployment']}"
    ended = ", whose outcome is not known" if task["state"] == "unknown" and not task["undo"] else ""
    return f"{task['task']}{of} on {host}{ended}"

"""The name of a task that ran for a deployment in, the task undone out: by the command that its generation keeps for that."""

from __future__ import annotations

from shipway_agent.errors import AgentError
from shipway_agent.leftovers import REVERSE, TASK, declaration
from shipway_agent.primitives import Context, tasks
from shipway_agent.typed import Any, Dict, Mapping


def undo(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Undo task `name` of generation `generation`, whichever driver ran it: {"undone": bool, "lines"}. The key of this step makes it once.

    One that began and has no ending is settled by its check first: what has not taken effect is not undone. Raises AgentError:
    `unknown-outcome` where no check can settle it, `no-generation`, and what its command raises as a task.
    """
    name, number = str(args["name"]), int(args["generation"])
    key = name if name == REVERSE else TASK + name
    step = context.journal.step(context.deployment, key)
    if step is None or (step.state == "done" and step.data.get("skipped")):
        return {"undone": False, "lines": []}
    task = declaration(context.root, number, context.deployment, name)
    if task is None or task["undo"] is None:
        raise AgentError(
            "no-generation", f"generation {number} is not on this host any more, or keeps no undo of {name}", generation=number
        )
    if name == REVERSE:
        from shipway_agent.data.migrations import run as migrations
        from shipway_agent.data.points import say

        tasks.wait_for_orphans(context, key)
        return {"undone": True, **migrations.again(context, int(task["generation"]), task["names"], lambda line: say(context, line))}
    command = {**task, "generation": number, "name": name, "outputs": [], "per_release": False}
    if step.state in ("unknown", "intent"):
        tasks.wait_for_orphans(context, TASK + name)
        if not tasks.took_effect(context, command):
            return {"undone": False, "lines": []}
    return {"undone": True, "lines": tasks.run(context, {**command, "run": task["undo"], "check": None})["lines"]}


def name(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """A driver has told people of a task that ran and stays as it is; its key remembers that."""
    return {}

"""The steps of a deployment about migrations: seeing which are pending, applying those of one phase, taking some back."""

from __future__ import annotations

from shipway_agent.data.migrations import run as migrations
from shipway_agent.data.points import say
from shipway_agent.errors import AgentError
from shipway_agent.primitives import Context
from shipway_agent.primitives.tasks import wait_for_orphans
from shipway_agent.typed import Any, Dict, List, Mapping, Optional

KEY = "migrations"
"""Of the step that looks, whose answer says for its whole deployment what was pending."""


def look(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """{"pending", "applied", "strangers", "note"} (docs/contracts.md).

    Raises AgentError as migrations.look does, and `migration-refused` for what the release's own configuration refuses.
    """
    found = migrations.look(
        context,
        int(args["generation"]),
        lambda line: say(context, line),
        overdue=_some(args, "overdue"),
        phases=_some(args, "phases"),
    )
    refused = [
        f"{one['name']} is {kind}: {why}" for one in found["pending"] for kind in _names(args, "refuse") for why in one.get(kind, ())
    ]
    if refused:
        raise AgentError("migration-refused", f"{len(refused)} of what is pending is refused by shipway.toml: {refused[0]}", refused)
    return found


def run(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """{"ran", "applied", "note"}. One that an agent was killed over is waited for first. Raises AgentError as migrations.run does."""
    if context.unknown:
        wait_for_orphans(context, context.key)
    return migrations.run(
        context,
        int(args["generation"]),
        str(args["phase"]),
        _names(args, "held"),
        lambda line: say(context, line),
        overdue=_some(args, "overdue"),
    )


def reverse(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """{"reversed", "applied", "note"}. Raises AgentError as migrations.reverse does."""
    if context.unknown:
        wait_for_orphans(context, context.key)
    held = bool(args.get("held"))
    return migrations.reverse(context, int(args["generation"]), _names(args, "names"), lambda line: say(context, line), held=held)


def pending_of(context: Context, phases: List[str]) -> bool:
    """Whether the look of this deployment found anything of these phases; True where nobody looked."""
    step = context.journal.step(context.deployment, KEY)
    if step is None or step.state != "done":
        return True
    return any(one["phase"] in phases for one in step.data["pending"])


def _names(args: Mapping[str, Any], key: str) -> List[str]:
    return [str(name) for name in args.get(key) or ()]


def _some(args: Mapping[str, Any], key: str) -> Optional[List[str]]:
    """The names, or None where the driver says nothing of them."""
    return _names(args, key) if key in args else None

"""A journal in; out, the tasks that ran here for deployments that did not go live and that nobody has undone or named since."""

from __future__ import annotations

from shipway_agent.journal import Journal, Step
from shipway_agent.primitives import generations
from shipway_agent.root import Root
from shipway_agent.states import DISCARDED, REVERTED
from shipway_agent.typed import Any, Dict, List, Mapping, Optional

TASK = "task:"
REVERSE = "migrate:reverse"
"""The step that takes migrations back: undone by applying them again."""

REVERSES = "reverses"
"""Key of a document: which migrations its deployment takes back, {"generation", "names", "undo", "timeout_seconds"}."""

UNDO = "undo:"
NAMED = "named:"
"""What the key of a step begins with by which a driver has told people of a task that stays as it is."""


def left(root: Root, journal: Journal) -> List[Dict[str, Any]]:
    """Newest first: {"deployment", "number", "key", "task", "state", "undo": bool, "timeout_seconds"}.

    `state` is that of the journal, or "running". What its check said was done already did not run here. Tasks of phase prepare change
    nothing that users see, and are remembered under their release: they are not among these.
    """
    found: List[Dict[str, Any]] = []
    for attempt in reversed(journal.member().attempts):
        if attempt.stage not in (REVERTED, DISCARDED):
            continue
        steps = journal.steps(attempt.deployment)
        known = {step.key: step for step in steps}
        for step in reversed(steps):
            if not (step.key.startswith(TASK) or step.key == REVERSE) or step.data.get("skipped") or _is_settled(known, step.key):
                continue
            name = step.key[len(TASK) :] if step.key.startswith(TASK) else step.key
            declared = declaration(root, attempt.target, attempt.deployment, name) or {}
            found.append(
                {
                    "deployment": attempt.deployment,
                    "number": attempt.target,
                    "key": step.key,
                    "task": name,
                    "state": "running" if step.alive else "unknown" if step.state == "intent" else step.state,
                    "undo": declared.get("undo") is not None,
                    "timeout_seconds": float(declared.get("timeout_seconds", 0.0)),
                }
            )
    return found


def declaration(root: Root, number: int, deployment: str, name: str) -> Optional[Mapping[str, Any]]:
    """What shipway.toml said of an activate task when that deployment was made: {"name", "undo", "check", "directory",
    "timeout_seconds"}. None where its generation is gone, or was made by an agent that did not keep it."""
    document = generations.read(root, number)
    if document is None or document.get("deployment") != deployment:
        return None
    if name == REVERSE:
        return document.get(REVERSES)
    return next((task for task in document.get("activate", ()) if task["name"] == name), None)


def _is_settled(known: Mapping[str, Step], key: str) -> bool:
    undo, named = known.get(UNDO + key), known.get(NAMED + key)
    return (undo is not None and undo.state == "done") or (named is not None and named.state == "done")

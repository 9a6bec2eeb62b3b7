"""The facts of a fleet and whom nobody hears in; out, what to type where a deployment is open and its lead is one of those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shipway.execute.ask import Facts
from shipway.flows.records import fenced, open_deployments, recorded


def waits(facts: Mapping[str, Facts], environment: str, silent: Mapping[str, str]) -> str:
    """What to type where a deployment is open and its lead cannot be heard; empty where no such one is."""
    waiting = fenced(facts)
    for deployment, lead in open_deployments(facts).items():
        if recorded(facts, deployment) is None and (lead in silent or deployment in waiting):
            words = without_lead(environment, waiting.get(deployment) or (lead,))
            return f"{words}; an abort was not finished, and its hosts wait for one of the two" if deployment in waiting else words
    return ""


def without_lead(environment: str, lost: Sequence[str]) -> str:
    """The two ways out where a lead cannot be heard: it comes back, or it is written off."""
    names = " and ".join(lost)
    words = " ".join(f"--lost {name}" for name in lost)
    return (
        f"shipway resume {environment} settles it as soon as {names} can be reached; "
        f"shipway abort {environment} {words} settles it without {names}, if that host is gone for ever"
    )

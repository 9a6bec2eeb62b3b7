"""A deployment in; whether this host can ask its lead, and who has acknowledged the decision, out."""

from __future__ import annotations

from shipway_agent import peers
from shipway_agent.apply import poke
from shipway_agent.errors import AgentError
from shipway_agent.journal import CANNOT_ASK
from shipway_agent.primitives import Context
from shipway_agent.typed import Any, Dict, Mapping


def reach(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Try once to reach the lead, as this host would have to when its driver is silent: {"reached": bool, "why"}. Decides nothing.

    Remembered, so that the next plan can name who could not. The lead itself, and a fleet of one host, always answer True. Raises
    AgentError `unknown` for a deployment this host has not heard of.
    """
    member = context.journal.member()
    attempt = member.attempt(context.deployment)
    if attempt is None:
        raise AgentError("unknown", f"this host has never heard of deployment {context.deployment}")
    if attempt.lead == member.name:
        return {"reached": True, "why": ""}
    document = {**attempt.document, "peers": peers.where(attempt, [attempt.lead])}
    why = peers.try_reach(document, attempt.deployment, member.name)
    context.journal.set_meta(CANNOT_ASK, why)
    return {"reached": why is None, "why": why or ""}


def acknowledged(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """When a driver has heard it from the `members` themselves: they serve what was decided about `deployment`. Answers {}.

    Members also say so to the lead by themselves; what a driver adds counts for those that cannot reach it.
    """
    deployment = str(args.get("deployment", context.deployment))
    peers.acknowledge(context.journal, deployment, [str(name) for name in args["members"]])
    poke(context.root)
    return {}

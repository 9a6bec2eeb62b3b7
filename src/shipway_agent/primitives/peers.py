"""A deployment in; whether this host can ask its lead, and who has acknowledged the decision, out."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from shipway_agent import peers
from shipway_agent.errors import AgentError
from shipway_agent.primitives import Context


def reach(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Try once to reach the lead, as this host would have to when its driver is silent: {"reached": bool, "why"}. Decides nothing.

    The lead itself, and a fleet of one host, always answer True. Raises AgentError `unknown` for a deployment this host has not heard of.
    """
    member = context.journal.member()
    attempt = member.attempt(context.deployment)
    if attempt is None:
        raise AgentError("unknown", f"this host has never heard of deployment {context.deployment}")
    if attempt.lead == member.name:
        return {"reached": True, "why": ""}
    why = peers.try_reach(attempt.document, attempt.deployment, member.name)
    return {"reached": why is None, "why": why or ""}


def acknowledged(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """On the lead, when a driver has heard it from the `members` themselves: they serve what was decided. Answers {}.

    Members also say so to the lead by themselves; what a driver adds counts for those that cannot reach it.
    """
    peers.acknowledge(context.journal, context.deployment, [str(name) for name in args["members"]])
    return {}

"""A plan with nothing to do in, the verdict that says so out."""

from __future__ import annotations

from shipway.flows.attempt import Attempt
from shipway.flows.transaction import tell_began
from shipway.flows.without import Said, and_left_out, behind
from shipway.model.intent import Intent
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.reports.few import named


def nothing(plan: Plan, message: str, attempt: Attempt) -> Verdict:
    """There is nothing to do, in the words of a flow that is about what serves."""
    attempt.ends()
    tell_began(attempt, plan)
    return Verdict("unchanged", 0, message)


def unchanged(plan: Plan, intent: Intent, attempt: Attempt, left_out: Said) -> Verdict:
    """What is wanted serves already. Raises Unsettled where hosts that were left out are behind."""
    attempt.ends()
    tell_began(attempt, plan)
    version = str(plan.document.get("version", ""))
    hosts = named(plan.members)
    message = f"nothing to do: {version} is already live in {intent.environment.name}, proved on {hosts}"
    if left_out and plan.kind != "prepare":
        raise behind(message, plan, left_out)
    return Verdict("unchanged", 0, and_left_out(message, left_out))

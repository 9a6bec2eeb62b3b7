"""Where people want to be told in, kept on this host out: from here on it can tell them by itself."""

from __future__ import annotations

import os
import time

from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.notifications import box, kept, targets
from shipway_agent.notifications.moments import BEHIND, Moment
from shipway_agent.primitives import Context
from shipway_agent.states import COMMITTED
from shipway_agent.typed import Any, Dict, Mapping

LOOK_SECONDS = 0.1


def keep(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Keep these targets in place of all others: {"targets": count}. Raises AgentError `target`: what may not be one, without its value."""
    wanted = [dict(target) for target in args["targets"]]
    found = [f"target {place}: {fault}" for place, target in enumerate(wanted, 1) for fault in targets.faults(target)]
    if found:
        raise AgentError("target", "a notification cannot be sent there: " + "; ".join(found), found)
    salt = context.journal.meta("salt")
    if salt is None:
        salt = os.urandom(16).hex()
        context.journal.set_meta("salt", salt)
    kept.write(context.root, wanted, salt)
    return {"targets": len(wanted)}


def told(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """How the outbox stands (box.summary), once each letter in it was tried; after `seconds` at the latest.

    `keep` are targets to keep first, where nothing else is to be done; `behind` is {"deployment", "reason"}: what a driver tells the
    lead of members that have not acknowledged a commit.
    """
    if "keep" in args:
        keep(context, {"targets": args["keep"]})
    if "behind" in args:
        _put_behind(context.journal, args["behind"])
    until = time.monotonic() + min(10.0, float(args.get("seconds", 0.0)))
    while box.untried(context.journal) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    return box.summary(context.journal)


def _put_behind(journal: Journal, behind: Mapping[str, Any]) -> None:
    member = journal.member()
    attempt = member.attempt(str(behind["deployment"]))
    if attempt is not None and attempt.stage == COMMITTED and attempt.lead == member.name:
        box.put_alone(journal, Moment(BEHIND, attempt, BEHIND), {"reason": behind["reason"]}, "fleet")

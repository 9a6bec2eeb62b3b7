"""A message to this host's record in, its reply out; what follows from the record is applied before the reply leaves."""

from __future__ import annotations

from shipway_agent import clock
from shipway_agent.apply import apply_locked, poke, wait_until_served
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.notifications import box
from shipway_agent.notifications.moments import BEHIND, Moment
from shipway_agent.orphans import end_overdue
from shipway_agent.primitives import Context
from shipway_agent.progress import progress
from shipway_agent.pruning import WISH
from shipway_agent.root import Root
from shipway_agent.states import BACK, COMMITTED, DECISIONS
from shipway_agent.typed import Any, Dict, Mapping

SERVE_SECONDS = 75.0
"""How long a host that had gone back may take to serve again; less than a driver waits for its acknowledgement."""

NOTHING_FOLLOWS = frozenset({"vote", "ready"})
"""Messages behind which a supervisor has nothing to do: it reads them with the next one, or within a second."""


def decide(root: Root, journal: Journal, message: Mapping[str, Any]) -> Dict[str, Any]:
    """Answer a message; a refusal is an answer. Raises AgentError when what follows cannot be done; the record then says what is wanted.

    To acknowledge a commit is to serve its generation: a host that had gone back starts it again before it answers, or is `behind`;
    so does one whose own decision is replaced by that of a higher term. Who asks for a lease that another holds is told how far that
    one is. A lease is refused (`busy`) also while a task runs on whose agent was killed: at its own timeout it is ended here.
    """
    if message["do"] == "renew":
        return journal.decide(message, clock.boot_now())  # moves nothing, and must not wait behind a switch
    if message["do"] == "lease":
        running = end_overdue(root, clock.boot_now())
        if running is not None:
            return {"ok": False, "code": "busy", **running}
    with root.host_lock():
        before = journal.member().attempt(str(message.get("deployment")))
        reply = journal.decide(message, clock.boot_now())
        applied = apply_locked(root, journal)
    if message["do"] == "lease" and reply["ok"] and journal.meta(WISH) is not None:
        _prune_first(root, journal)
    if message["do"] == "lease" and reply.get("code") == "held":
        return {**reply, "progress": progress(journal, str(reply["deployment"]), clock.boot_now(), clock.wall_now())}
    settled = before is not None and before.stage in DECISIONS
    if message["do"] not in NOTHING_FOLLOWS and not (message["do"] == "finish" and settled):
        poke(root, {"restore": True} if reply.get("restoring") else None)
    decided = reply.get("decision") if reply["ok"] else None
    gone_back = decided == COMMITTED and (applied.held or (before is not None and before.stage == BACK))
    overruled = decided is not None and before is not None and before.stage in DECISIONS and before.stage != decided
    if gone_back or overruled:
        try:
            wait_until_served(root, journal, SERVE_SECONDS)
        except AgentError as error:
            after = journal.member().attempt(str(message.get("deployment")))
            if error.code == "behind" and after is not None:
                box.put_alone(journal, Moment(BEHIND, after, BEHIND), {"why": error.message})
            raise
    return reply


def _prune_first(root: Root, journal: Journal) -> None:
    """What is removed is gone before the one who leases this host reads what is here. What cannot be removed stays, and harms nobody."""
    from shipway_agent.primitives import prune  # it has been done, most times

    try:
        prune.fulfil(root, journal)
    except AgentError:
        pass  # the supervisor tries again, and says why


def tell(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """The same as a step: a refusal fails it with its own code. Only a host with a sound journal votes: what none has read is read here."""
    if args["do"] == "vote":
        context.journal.verify_for_vote()
    reply = decide(context.root, context.journal, args)
    if not reply["ok"]:
        facts = {name: value for name, value in reply.items() if name not in ("ok", "code", "message")}
        says = f"the host's record refuses to {args['do']}: {reply.get('message', reply['code'])}"
        raise AgentError(str(reply["code"]), says, **facts)
    return reply

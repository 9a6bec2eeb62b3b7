"""A generation that is ready in, the one that serves out: the intent journalled, one rename, the fact journalled."""

from __future__ import annotations

import os
import time

from shipway_agent import clock, front, visitor
from shipway_agent.apply import apply_locked, point, pointed, poke
from shipway_agent.decide import Attempt, Reply
from shipway_agent.errors import AgentError
from shipway_agent.hold import wait_seconds
from shipway_agent.journal import Journal
from shipway_agent.primitives import Context, generations
from shipway_agent.root import Root
from shipway_agent.states import ARMED, SWITCHED
from shipway_agent.typed import Any, Dict, Mapping, Optional

MOST_SECONDS = 2.0
"""No switch waits longer for its instant, whatever it was told."""


def switch(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Make the generation of this deployment current: {"base", "seconds", "at_boot"}. From before it, a visitor asks at `front`.

    With `instant`, {"at": seconds since the epoch, "within_seconds"}, not before that, so that all hosts switch at once; the wall clock may
    be wrong, and it waits no longer than `within_seconds`. What the record says afterwards counts, as if the word had come only then.
    `seconds` is how long the rename took until it was on disk, `at_boot` when it was, on the boot clock. Killed anywhere and
    called again, it goes on where it was. Raises AgentError: `no-generation`, `slots`, or the code of a refusal of the record
    (order, expired, unsettled, settled, fenced, unknown); nothing has changed then.
    """
    document = generations.read(context.root, context.fence)
    if document is None:
        raise AgentError("no-generation", f"generation {context.fence} is not on this host", generation=context.fence)
    front.lay(context.root, context.fence, document, wait_seconds(context.journal.member()))
    visitor.begin(context, args)
    _await(args.get("instant"))
    return perform(context.root, context.journal, context.deployment, context.fence)


def _await(instant: Optional[Mapping[str, Any]]) -> None:
    if instant is not None:
        time.sleep(max(0.0, min(float(instant["at"]) - clock.wall_now(), float(instant["within_seconds"]), MOST_SECONDS)))


def message_with_intent(root: Root, deployment: str, fence: int) -> Optional[Mapping[str, Any]]:
    """*arm*, where all that the rename flips is laid already, as the start of its processes leaves it; None where that is still to be done.

    So what is between the word of the driver and the rename is one write to the journal. The record is asked again under the host's lock.
    """
    laid = root.stat(f"{generations.place(fence)}/{front.FOLDER}") is not None
    return {"do": "arm", "deployment": deployment, "fence": fence} if laid else None


def perform(root: Root, journal: Journal, deployment: str, fence: int) -> Dict[str, Any]:
    """The switch itself, under the host's lock, for a generation whose `front/` is laid."""
    with root.host_lock():
        attempt = _armed(journal, deployment, fence)
        began = time.monotonic()
        if pointed(root) != fence:
            point(root, fence)
        seconds, at_boot = time.monotonic() - began, clock.boot_now()
        os.sched_yield()  # hosts that share cores have the same instant: what is left to do here can wait until they have renamed too
        if attempt.stage != SWITCHED:
            reply = journal.decide({"do": "switched", "deployment": deployment, "fence": fence}, clock.boot_now())
            if not reply["ok"]:
                apply_locked(root, journal)  # the decision came first; the link goes where it says
                raise _refused("switch", reply)
    poke(root)
    return {"base": attempt.base, "seconds": round(seconds, 6), "at_boot": round(at_boot, 6)}


def _armed(journal: Journal, deployment: str, fence: int) -> Attempt:
    """The attempt with its intent journalled: now, or by an earlier try that was killed before it was done."""
    attempt = journal.member().attempt(deployment)
    if attempt is None or attempt.stage not in (ARMED, SWITCHED):
        reply = journal.decide({"do": "arm", "deployment": deployment, "fence": fence}, clock.boot_now())
        if not reply["ok"]:
            raise _refused("arm", reply)
        attempt = journal.member().attempt(deployment)
    assert attempt is not None and attempt.target == fence
    return attempt


def _refused(what: str, reply: Reply) -> AgentError:
    facts = {name: value for name, value in reply.items() if name not in ("ok", "code", "message")}
    return AgentError(str(reply["code"]), f"the host's record refuses to {what}: {reply.get('message') or reply['code']}", **facts)

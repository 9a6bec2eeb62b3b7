"""A record that says *restoring* in; out, its restore point in its place again, and only then *reverted*: by a process of the supervisor.

There is one such process at a time, whoever wanted to go back and whether he still lives. It is started again until it has done it.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Callable, Mapping, Optional

from shipway_agent import clock, group, peers
from shipway_agent.decide import BECAUSE, Attempt, Held, Member, live
from shipway_agent.errors import AgentError
from shipway_agent.faults import unforeseen
from shipway_agent.group import Known
from shipway_agent.itself import argv_of, own_file
from shipway_agent.journal import Journal
from shipway_agent.orphans import end, orphans
from shipway_agent.primitives import Context
from shipway_agent.root import Root
from shipway_agent.states import RESTORING

LOOK_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 15.0
KEY = "restore"


class Restoring:
    """Kept by the daemon."""

    def __init__(self, root: Root, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._root = root
        self._environment = environment
        self._say = say
        self._running: Optional[Known] = None
        self._tries = 0
        self._again = 0.0
        self._awaited = False

    def at_once(self) -> None:
        """Somebody waits for it: the next try has no pause before it."""
        self._awaited = True

    def turn(self, member: Member, now: float) -> None:
        """Start a process where data is to be put back and nobody is at it. `now` is a steady clock."""
        held = restoring(member)
        if held is None or (self._running is not None and group.alive(self._running.pid, self._running.start)):
            return
        if held.tries != self._tries:
            self._tries, self._again = held.tries, now + min(LONGEST_PAUSE_SECONDS, 0.5 * 2.0 ** min(held.tries, 6))
        if now < self._again and not self._awaited:
            return
        self._again, self._awaited = now + LOOK_SECONDS, False
        argv = argv_of(own_file(), ["restore", "--root", self._root.path])
        try:
            self._running = group.known(os.posix_spawn(argv[0], argv, self._environment))
        except OSError as error:
            self._say(f"{held.point} cannot be put back: {error.strerror}")


def restoring(member: Member) -> Optional[Held]:
    """What is to be put back before this host goes back; None where nothing is."""
    attempt = _attempt(member)
    return member.held if attempt is not None else None


def put_back(root_path: str) -> int:
    """0, once the point is in its place and the record says *reverted*; 1 where it could not be, and the record says why."""
    with Root(root_path) as root, Journal(root) as journal:
        try:
            with root.restore_lock():
                return _put_back(root, journal)
        except AgentError as error:
            if error.code != "busy":
                raise
            return 1  # another process is at it


def _put_back(root: Root, journal: Journal) -> int:
    from shipway_agent.primitives import data
    from shipway_agent.primitives.member import decide

    member = journal.member()
    attempt, held = _attempt(member), member.held
    if attempt is None or held is None:
        return 0
    _wait_for_what_runs(root, journal, attempt)
    overruled = _overruled(journal, member, attempt)
    if overruled is not None:
        decide(root, journal, overruled)
        return 0
    until = time.monotonic() + held.bound_seconds
    context = Context(root, "", journal, attempt.deployment, attempt.fence, KEY, until, _write, decided=True)
    journal.event("restore", attempt.deployment, {"point": held.point, "state": "begun"})
    try:
        made = [data.put_back(context, {"point": point, "generation": attempt.target}) for point in held.point.split()]
    except Exception as error:
        refusal = error if isinstance(error, AgentError) else unforeseen(error)
        decide(root, journal, {"do": "unrestored", "deployment": attempt.deployment, "why": refusal.message})
        raise refusal from error
    for one in made:
        _forget_open(root, str(one["data"]), attempt)
    note = "; ".join(str(one["note"]) for one in made)
    journal.event("restore", attempt.deployment, {"point": held.point, "state": "done", "note": note})
    said = attempt.document.get(BECAUSE) or {}
    decide(root, journal, {**said, "do": "restored", "deployment": attempt.deployment, "point": held.point, "note": note})
    return 0


def _overruled(journal: Journal, member: Member, attempt: Attempt) -> Optional[Mapping[str, Any]]:
    """What to tell the record where this host was written off: others have let visitors in since, and nothing may be put back any more.

    None where another host knows of no higher term, where there is no other, and where a driver has this host: he has read them all.
    Raises AgentError `nobody-heard` where nobody can be asked.
    """
    if live(member.lease, clock.boot_now()):
        return None
    why, asked, heard_any = "", False, False
    for name in attempt.members:
        places = [] if name == member.name else peers.where(attempt, [name])
        if not places:
            continue
        asked, document = True, {**attempt.document, "peers": places}
        heard = peers.ask(document, attempt.deployment, member.name, do=peers.REACH)
        heard_any, why = heard_any or heard.reached, why or heard.why
        if heard.reached and heard.term > attempt.term:
            said = peers.ask(document, attempt.deployment, member.name, least_term=heard.term)
            if said.decision is not None:
                told = {"do": "tell", "deployment": attempt.deployment, "decision": said.decision, "answer": True, "term": said.term}
                return {**told, **({"lead": said.lead} if said.lead else {})}
    if asked and not heard_any:
        refusal = AgentError("nobody-heard", f"no other host can be asked whether this one was written off meanwhile: {why}")
        journal.decide({"do": "unrestored", "deployment": attempt.deployment, "why": refusal.message}, clock.boot_now())
        raise refusal
    return None


def _wait_for_what_runs(root: Root, journal: Journal, attempt: Attempt) -> None:
    """What may still change the data ends first: a step by itself, within its bound, and one whose agent was killed by us."""
    while any(step.deployment == attempt.deployment for step in journal.busy()):
        time.sleep(LOOK_SECONDS)
    for orphan in orphans(root):
        if orphan.deployment == attempt.deployment:
            end(orphan)


def _forget_open(root: Root, data: str, attempt: Attempt) -> None:
    """A migration of this deployment that has no known ending has none now: what it did is not there any more."""
    from shipway_agent.data.migrations import notes

    found = notes.open_of(root, data)
    if found is not None and found.deployment == attempt.deployment:
        notes.end(root, data)


def _attempt(member: Member) -> Optional[Attempt]:
    return next((attempt for attempt in member.attempts if attempt.stage == RESTORING), None)


def _write(event: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{event.get('line', '')}\n")
    sys.stdout.flush()

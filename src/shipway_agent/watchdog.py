"""Time in; out, what a host decides when no driver speaks: the lead writes *reverted*, another member asks it, or goes back alone.

`Watchdog.turn` is called in each turn of the daemon and never waits: questions to the lead run in threads of their own, and what they
brought is acted on in a later turn.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Optional, Protocol, Set, Tuple

from shipway_agent import peers
from shipway_agent.decide import Attempt, Member, Reply, live
from shipway_agent.peers import Heard
from shipway_agent.states import DECISIONS, INTENT

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
ACKNOWLEDGE_PAUSE_SECONDS = 60.0
TRIES_BEFORE_ALONE = 2
"""Questions that found no lead before this host goes back without it; it goes on asking."""

Ask = Callable[[Mapping[str, Any], str, str, str], Heard]
"""(deployment's document, deployment, member, what to do) → what was heard. May wait; runs in a thread."""


class Record(Protocol):
    """What the watchdog needs of a journal."""

    def member(self) -> Member: ...

    def decide(self, message: Mapping[str, Any], now: float) -> Reply: ...

    def event(self, kind: str, deployment: str, data: Mapping[str, Any]) -> int: ...


@dataclass
class _Question:
    """What is under way with the lead about one deployment."""

    asking: bool = False
    unheard: int = 0
    pause_seconds: float = FIRST_PAUSE_SECONDS
    again: float = 0.0


class Watchdog:
    """The decisions of one host about deployments whose driver is silent. `wake` has the daemon take another turn at once."""

    def __init__(self, journal: Record, wake: Callable[[], None], ask: Optional[Ask] = None) -> None:
        self._journal = journal
        self._wake = wake
        self._ask: Ask = ask or (lambda document, deployment, member, do: peers.ask(document, deployment, member, do=do))
        self._questions: Dict[str, _Question] = {}
        self._answers: queue.SimpleQueue[Tuple[str, str, Heard]] = queue.SimpleQueue()
        self._acknowledged: Set[str] = set()

    def turn(self, member: Member, now: float, serves: Callable[[Attempt], bool]) -> bool:
        """Act on the time and on answers; True when the record changed. `now` is the boot clock.

        `serves` says whether this host serves what a decided deployment left: only then is the decision acknowledged to the lead.
        """
        changed = False
        if may_decide(member, now):
            reply = self._journal.decide({"do": "tick"}, now)
            after = self._journal.member()
            changed = after != member
            member = after
            for deployment in reply["asks"]:
                attempt = member.attempt(deployment)
                if attempt is not None:
                    self._put(attempt, member.name, peers.ASK, now)
        for attempt in member.attempts:
            if self._owes(member, attempt) and serves(attempt):
                self._put(attempt, member.name, peers.ACKNOWLEDGE, now)
        while not self._answers.empty():
            changed = self._hear(*self._answers.get(), now) or changed
        return changed

    def next_turn(self, member: Member, now: float) -> Optional[float]:
        """Seconds until time alone may change something, None when only a message can."""
        times = [] if member.lease is None else [member.lease.until]
        times += [attempt.deadline for attempt in member.open()]
        times += [] if member.warm is None else [member.warm.until]
        return max(0.0, min(times) - now) if times else None

    def _put(self, attempt: Attempt, member: str, do: str, now: float) -> None:
        question = self._questions.setdefault(f"{do} {attempt.deployment}", _Question())
        if question.asking or now < question.again:
            return
        question.asking = True
        self.carry(attempt, member, do)

    def carry(self, attempt: Attempt, member: str, do: str) -> None:
        """Take a question to the lead without waiting for it; what came back is given to `heard`. The simulation has another way."""
        threading.Thread(target=self._carry, args=(attempt, member, do), name="question", daemon=True).start()

    def heard(self, deployment: str, do: str, heard: Heard) -> None:
        """What a question brought, from any thread: the next turn acts on it."""
        self._answers.put((deployment, do, heard))
        self._wake()

    def _carry(self, attempt: Attempt, member: str, do: str) -> None:
        try:
            heard = self._ask(attempt.document, attempt.deployment, member, do)
        except Exception as error:  # a fault of ours must not leave the question hanging
            heard = Heard(False, why=repr(error))
        self.heard(attempt.deployment, do, heard)

    def _hear(self, deployment: str, do: str, heard: Heard, now: float) -> bool:
        question = self._questions.setdefault(f"{do} {deployment}", _Question())
        question.asking = False
        question.again = now + question.pause_seconds
        if do == peers.ACKNOWLEDGE:
            if heard.reached:
                self._acknowledged.add(deployment)
            question.pause_seconds = min(ACKNOWLEDGE_PAUSE_SECONDS, question.pause_seconds * 2)
            return False
        if not heard.reached:
            return self._unheard(question, deployment, heard, now)
        question.unheard = 0
        question.pause_seconds = FIRST_PAUSE_SECONDS
        if heard.decision is None:
            return False
        self._journal.event("heard", deployment, {"decision": heard.decision})
        reply = self._journal.decide({"do": "tell", "deployment": deployment, "decision": heard.decision, "answer": True}, now)
        return bool(reply["ok"])

    def _unheard(self, question: _Question, deployment: str, heard: Heard, now: float) -> bool:
        question.unheard += 1
        if question.unheard < TRIES_BEFORE_ALONE:
            return False
        if question.unheard > TRIES_BEFORE_ALONE:
            question.pause_seconds = min(LONGEST_PAUSE_SECONDS, question.pause_seconds * 2)
            question.again = now + question.pause_seconds
        reply = self._journal.decide({"do": "alone", "deployment": deployment}, now)
        if question.unheard == TRIES_BEFORE_ALONE and reply["ok"]:
            self._journal.event("alone", deployment, {"why": heard.why})
        return bool(reply["ok"]) and question.unheard == TRIES_BEFORE_ALONE

    def _owes(self, member: Member, attempt: Attempt) -> bool:
        """Whether the lead of a decided deployment may still wait to hear that this host serves what was decided."""
        if attempt.stage not in DECISIONS or attempt.lead == member.name or not attempt.document.get("peers"):
            return False
        newest = max((a.fence for a in member.attempts if a.lead == attempt.lead and a.stage in DECISIONS), default=attempt.fence)
        return attempt.fence == newest and attempt.deployment not in self._acknowledged


def may_decide(member: Member, now: float) -> bool:
    """Whether a tick could do anything: a lease or a warm generation's time has run out, or a deadline has passed."""
    expired = member.lease is not None and not live(member.lease, now)
    expired = expired or (member.warm is not None and now >= member.warm.until)
    return expired or any(attempt.stage in INTENT and now >= attempt.deadline for attempt in member.attempts)

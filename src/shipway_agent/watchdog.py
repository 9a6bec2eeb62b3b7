"""Time in; out, what a host decides when no driver speaks: the lead writes *reverted*, another member asks, or goes back alone.

`Watchdog.turn` is called in each turn of the daemon and never waits: questions to the lead run in threads of their own, and what they
brought is acted on in a later turn.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple

from shipway_agent import clock, peers
from shipway_agent.decide import EVERYBODY, UNNAMED, Attempt, Member, Reply, due, is_held, live, never_told
from shipway_agent.peers import Heard
from shipway_agent.record import dataclass
from shipway_agent.states import DECISIONS

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
ACKNOWLEDGE_FIRST_SECONDS = 2.0
"""How long a driver that lives has to say it for all, before each host tells the lead: of many that is work."""

ACKNOWLEDGE_PAUSE_SECONDS = 60.0
TRIES_BEFORE_ALONE = 2
"""Questions that found no lead before this host goes back without it; it goes on asking."""

RECALL_SECONDS = 3.0
"""How long a host that comes up with a decision that not everybody has acknowledged asks the others before it serves."""

RECALL_PAUSE_SECONDS = 10.0
"""Until it asks them again, and until it asks them at all where it never went down: they are telling it themselves just now."""

OTHERS_AT_ONCE = 4
"""Members that are asked behind a lead that cannot be heard, other ones each time: each may take its time, and a deadline has passed."""

QUESTIONS_AT_ONCE = 32
"""Questions under way; each has a thread, and among many hosts as many may be unheard of."""

RECALL = "recall"

Ask = Callable[[Mapping[str, Any], str, str, str, int], Heard]
"""(deployment's document with the addresses to ask as `peers`, deployment, member, what to do, least term) → what was heard.

May wait; runs in a thread."""


class About(NamedTuple):
    """What a question is about: `do` is one of peers.py, or RECALL with the one member `of` that is asked."""

    do: str
    deployment: str
    of: str = ""

    @property
    def asks(self) -> str:
        """What is asked for: the word of peers.py."""
        return peers.ASK if self.do == RECALL else self.do

    def least_term(self, member: Member) -> int:
        """Below which an answer counts as none: who asks for a decision has been told by whoever wrote its lead off."""
        return member.term if self.do == peers.ASK else 0


class Record(Protocol):
    """What the watchdog needs of a journal."""

    def member(self) -> Member: ...

    def decide(self, message: Mapping[str, Any], now: float) -> Reply: ...

    def event(self, kind: str, deployment: str, data: Mapping[str, Any]) -> int: ...

    def events(
        self, since: int = 0, deployment: Optional[str] = None, limit: int = 1000, kind: Optional[str] = None
    ) -> List[Dict[str, Any]]: ...


@dataclass
class _Question:
    """What is under way about one deployment."""

    asking: bool = False
    unheard: int = 0
    pause_seconds: float = FIRST_PAUSE_SECONDS
    again: float = 0.0
    asked: int = 0

    def others(self, names: Iterable[str]) -> Tuple[str, ...]:
        """The next of these to ask, in turns."""
        known = tuple(names)
        at = self.asked % len(known) if known else 0
        self.asked += OTHERS_AT_ONCE
        return (*known[at:], *known[:at])[:OTHERS_AT_ONCE]


class Watchdog:
    """The decisions of one host about deployments whose driver is silent. `wake` has the daemon take another turn at once."""

    def __init__(self, journal: Record, wake: Callable[[], None], ask: Optional[Ask] = None) -> None:
        self._journal = journal
        self._wake = wake
        self._ask: Ask = ask or _ask
        self._questions: Dict[About, _Question] = {}
        self._under_way = 0
        self._answers: queue.SimpleQueue[Tuple[About, Heard]] = queue.SimpleQueue()
        self._newest: Tuple[Optional[Member], Optional[Attempt]] = (None, None)

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
                    self._put(attempt, member, About(peers.ASK, deployment), now)
        self._tend_newest(member, now, serves)
        while not self._answers.empty():
            changed = self._hear(*self._answers.get(), now) or changed
        return changed

    def recall(self, member: Member) -> Optional[str]:
        """Before anything serves: a decision that not everybody has acknowledged may have been replaced while this host was away.

        Asks the others, at most for RECALL_SECONDS, and follows a record of a higher term. Words for the log where nobody answered.
        """
        attempt = self._newest_decided(member)
        if attempt is None:
            return None
        asked = self._unheard_of(member, attempt)
        for name in asked:
            self._put(attempt, member, About(RECALL, attempt.deployment, name), 0.0)
        until = time.monotonic() + RECALL_SECONDS
        waiting, heard = set(asked), False
        while waiting and (left := until - time.monotonic()) > 0:
            try:
                about, answer = self._answers.get(timeout=left)
            except queue.Empty:
                break
            self._hear(about, answer, clock.boot_now())
            waiting.discard(about.of)
            heard = heard or answer.reached
        if heard or not asked:
            return None
        self._journal.event("unheard", attempt.deployment, {"decision": attempt.stage, "members": list(asked)})
        return (
            f"no other host can be asked whether {attempt.deployment} is still {attempt.stage}; "
            f"this host serves what its own record says, and goes on asking"
        )

    def next_turn(self, member: Member, now: float) -> Optional[float]:
        """Seconds until time alone may change something, None when only a message can."""
        times = [] if member.lease is None else [member.lease.until]
        times += [attempt.deadline for attempt in member.open()]
        times += [] if member.warm is None else [member.warm.until]
        return max(0.0, min(times) - now) if times else None

    def _tend_newest(self, member: Member, now: float, serves: Callable[[Attempt], bool]) -> None:
        """The newest decision, while not everybody is known to serve it: tell the lead that this host does, and ask who may know more."""
        attempt = self._newest_decided(member)
        if attempt is None:
            return
        about = About(peers.ACKNOWLEDGE, attempt.deployment)
        if attempt.lead != member.name and serves(attempt):
            self._put(attempt, member, about, now, first=now + ACKNOWLEDGE_FIRST_SECONDS)
        question = self._questions.get(about)
        if attempt.lead == member.name or (question is not None and question.unheard >= TRIES_BEFORE_ALONE):
            for name in self._unheard_of(member, attempt):
                self._put(attempt, member, About(RECALL, attempt.deployment, name), now, first=now + RECALL_PAUSE_SECONDS)

    def _put(self, attempt: Attempt, member: Member, about: About, now: float, first: float = 0.0) -> None:
        question = self._questions.setdefault(about, _Question(again=first))
        if question.asking or now < question.again or self._under_way >= QUESTIONS_AT_ONCE:
            return
        question.asking = True
        self._under_way += 1
        if about.do == peers.ASK:  # the lead first; whoever else knows the decision may say it too
            to = (attempt.lead, *question.others(name for name in attempt.members if name not in (attempt.lead, member.name)))
        else:
            to = (about.of or attempt.lead,)
        self.carry(attempt, member, about, to)

    def carry(self, attempt: Attempt, member: Member, about: About, to: Sequence[str]) -> None:
        """Take a question to these members, one after the other until one answers, without waiting for it.

        What came back is given to `heard`. The simulation has another way.
        """
        threading.Thread(target=self._carry, args=(attempt, member, about, to), name="question", daemon=True).start()

    def heard(self, about: About, heard: Heard) -> None:
        """What a question brought, from any thread: the next turn acts on it."""
        self._answers.put((about, heard))
        self._wake()

    def _carry(self, attempt: Attempt, member: Member, about: About, to: Sequence[str]) -> None:
        document = {**attempt.document, "peers": peers.where(attempt, to)}
        try:
            heard = self._ask(document, about.deployment, member.name, about.asks, about.least_term(member))
        except Exception as error:  # a fault of ours must not leave the question hanging
            heard = Heard(False, why=repr(error))
        self.heard(about, heard)

    def _hear(self, about: About, heard: Heard, now: float) -> bool:
        question = self._questions.setdefault(about, _Question())
        question.asking = False
        self._under_way = max(0, self._under_way - 1)
        question.again = now + question.pause_seconds
        if about.do != peers.ASK:
            return self._hear_of_decided(question, about, heard, now)
        if not heard.reached:
            return self._unheard(question, about.deployment, heard, now)
        question.unheard = 0
        question.pause_seconds = FIRST_PAUSE_SECONDS
        return heard.decision is not None and self._follow(about.deployment, heard, now)

    def _hear_of_decided(self, question: _Question, about: About, heard: Heard, now: float) -> bool:
        question.unheard = 0 if heard.reached else question.unheard + 1
        if about.do == RECALL:
            question.again = now + max(RECALL_PAUSE_SECONDS, question.pause_seconds)
        question.pause_seconds = min(ACKNOWLEDGE_PAUSE_SECONDS, question.pause_seconds * 2)
        attempt = self._journal.member().attempt(about.deployment)
        if not heard.reached or heard.decision is None or attempt is None:
            return False
        if heard.term > attempt.term:
            self._newest = (None, None)
            return self._follow(about.deployment, heard, now)
        if heard.whole and heard.decision == attempt.stage:
            peers.acknowledge(self._journal, about.deployment, [*attempt.members, *([EVERYBODY] if _told_few(attempt) else [])])
            self._newest = (None, None)
            return True
        return False

    def _follow(self, deployment: str, heard: Heard, now: float) -> bool:
        message: Dict[str, Any] = {"do": "tell", "deployment": deployment, "decision": heard.decision, "answer": True, "term": heard.term}
        message.update({"lead": heard.lead} if heard.lead else {})
        self._journal.event("heard", deployment, {"decision": heard.decision, "term": heard.term})
        return bool(self._journal.decide(message, now)["ok"])

    def waits(self, member: Member) -> bool:
        """Whether somebody may not serve yet what was decided last, as far as this host knows; or how it ended is not known here."""
        asks = any(attempt.lead != member.name for attempt in never_told(member))
        return asks or self._newest_decided(member) is not None

    def awaited(self, member: Member) -> Tuple[Attempt, ...]:
        """The deployments for which this host must listen (peers.awaited), looked at anew: somebody may have acknowledged meanwhile."""
        waiting = peers.awaited(member, lambda deployment: peers.acknowledgements(self._journal, deployment))
        newest = max((a.fence for a in member.attempts if a.stage in DECISIONS), default=0)
        found = next((a for a in waiting if a.stage in DECISIONS and a.fence == newest and peers.where(a, a.members)), None)
        self._newest = (member, found)
        return waiting

    def _newest_decided(self, member: Member) -> Optional[Attempt]:
        """The newest decision, where not every member is known to serve it and others can be asked; found anew when the record changed."""
        if self._newest[0] is not member:
            self.awaited(member)
        return self._newest[1]

    def _unheard_of(self, member: Member, attempt: Attempt) -> Tuple[str, ...]:
        """The other members that are not known to serve a decision: who does has no other on record."""
        served = peers.acknowledgements(self._journal, attempt.deployment)
        if EVERYBODY in served:
            return ()
        return tuple(name for name in attempt.members if name != member.name and name not in served)

    def _unheard(self, question: _Question, deployment: str, heard: Heard, now: float) -> bool:
        question.unheard += 1
        if question.unheard < TRIES_BEFORE_ALONE:
            return False
        if question.unheard > TRIES_BEFORE_ALONE:
            question.pause_seconds = min(LONGEST_PAUSE_SECONDS, question.pause_seconds * 2)
            question.again = now + question.pause_seconds
        if is_held(self._journal.member(), deployment):
            return False  # it holds, and goes on asking
        reply = self._journal.decide({"do": "alone", "deployment": deployment, "why": heard.why}, now)
        if question.unheard == TRIES_BEFORE_ALONE and reply["ok"]:
            self._journal.event("alone", deployment, {"why": heard.why})
        return bool(reply["ok"]) and question.unheard == TRIES_BEFORE_ALONE


def _ask(document: Mapping[str, Any], deployment: str, member: str, do: str, least_term: int) -> Heard:
    return peers.ask(document, deployment, member, do=do, least_term=least_term)


def _told_few(attempt: Attempt) -> bool:
    """Whether it has members that this host was not told by name."""
    return bool(attempt.document.get(UNNAMED))


def may_decide(member: Member, now: float) -> bool:
    """Whether a tick could do anything: a lease or a warm generation's time has run out, or a decision is due."""
    expired = member.lease is not None and not live(member.lease, now)
    expired = expired or (member.warm is not None and now >= member.warm.until)
    return expired or bool(due(member, now))

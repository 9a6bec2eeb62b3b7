"""Nothing in; out, every state that a lost lead, an abort that may die, a second one and three hosts can reach, and what is wrong in it.

A deployment has been switched on a, b and c; its driver may still commit at the lead a, or not, and tell c. An abort that was told that a
is lost fences b and c under term 1, reads them, writes on b and tells c; it may end before any of its messages. A second abort does the
same under a higher term, whether the first one is over or asleep. Meanwhile a is there all along, for all that anybody knows: members ask
it and each other, and a asks them, in every order. Whatever a host does is one call of `decide.handle`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from shipway_agent import decide
from shipway_agent.decide import Member
from shipway_agent.states import COMMITTED, DECISIONS, INTENT
from tests.agent.explore import trace

NAMES = ("a", "b", "c")
LATE = 100.0
"""Past every deadline, and past every lease of the first driver."""


ALL = 6
"""What an abort does, told and done."""


class Abort(NamedTuple):
    """`at` counts what it does: fence b, fence c, read both, write on b, tell b, tell c. `word` is the decision that it found or wrote."""

    at: int = 0
    word: str = ""
    over: bool = False


ANSWERS: dict[tuple[int, str, float], tuple[Member, dict[str, Any]]] = {}
KEPT: dict[str, Member] = {}
"""What one exploration has asked so far, and the records that came of it."""

Key = tuple[int, int, int, int, tuple[Abort, Abort]]


class State(NamedTuple):
    hosts: tuple[Member, Member, Member]
    driver: int
    aborts: tuple[Abort, Abort]


@dataclass(frozen=True)
class Found:
    """How many states there are, the wrongs in them with the way there, and how aborts ended."""

    states: int
    faults: dict[str, tuple[str, ...]]
    ends: frozenset[str]


def explore() -> Found:
    """All of them, breadth first; what is wrong is not followed further."""
    ANSWERS.clear()
    KEPT.clear()
    start = State(_switched(), 0, (Abort(), Abort()))
    came: dict[Key, tuple[Key, str] | None] = {_key(start): None}
    queue = deque([start])
    faults: dict[str, tuple[str, ...]] = {}
    ends: set[str] = set()
    while queue:
        state = queue.popleft()
        for move, after in _moves(state):
            key = _key(after)
            if key in came:
                continue
            came[key] = (_key(state), move)
            wrongs = [*_changed(state, after), *_wrongs(after)]
            for wrong in wrongs:
                faults.setdefault(wrong, trace(came, key))
            ends.update(f"{abort.word} of term {number}" for number, abort in enumerate(after.aborts, 1) if abort.at == ALL)
            if not wrongs:
                queue.append(after)
    return Found(len(came), faults, frozenset(ends))


def _key(state: State) -> Key:
    a, b, c = state.hosts
    return id(a), id(b), id(c), state.driver, state.aborts


def _switched() -> tuple[Member, Member, Member]:
    hosts = [KEPT.setdefault(repr(Member(name)), Member(name)) for name in NAMES]
    own = {"deployment": "d1", "fence": 1, "term": 0}
    lease = {"owner": "D", "seconds": 1.0, "lead": "a", "members": NAMES, "confirm_seconds": 1.0}
    for do in ("lease", "vote", "start", "ready", "arm", "switched"):
        hosts = [_said(host, {"do": do, **own, **(lease if do == "lease" else {})}, 0.0)[0] for host in hosts]
    return hosts[0], hosts[1], hosts[2]


def _said(host: Member, message: dict[str, Any], now: float = LATE) -> tuple[Member, dict[str, Any]]:
    """The record after a message, and the reply; asked once and remembered. Equal records are one object."""
    question = (id(host), repr(message), now)
    if question not in ANSWERS:
        after, reply = decide.handle(host, message, now)
        ANSWERS[question] = (KEPT.setdefault(repr(after), after), reply)
    return ANSWERS[question]


def _moves(state: State) -> Iterator[tuple[str, State]]:
    a, b, c = state.hosts
    if state.driver == 0:
        yield "the driver dies", state._replace(driver=2)
        host, reply = _said(a, {"do": "commit", "deployment": "d1", "fence": 1, "term": 0})
        if reply["ok"] and reply["decision"] == COMMITTED:
            yield "the driver commits", state._replace(hosts=(host, b, c), driver=1)
    if state.driver == 1:
        host, reply = _said(c, {"do": "tell", "deployment": "d1", "decision": COMMITTED, "fence": 1, "term": 0})
        yield f"the driver tells c: {reply['ok']}", state._replace(hosts=(a, b, host), driver=2)
    for i, host in enumerate(state.hosts):
        ticked, reply = _said(host, {"do": "tick"})
        if ticked != host:
            yield f"{NAMES[i]} decides by itself", _at(state, i, ticked)
        attempt = host.attempt("d1")
        assert attempt is not None
        if reply["asks"] or attempt.stage in DECISIONS:
            yield from _questions(state, i)
        if reply["asks"]:
            alone, said = _said(host, {"do": "alone", "deployment": "d1"})
            if said["ok"]:
                yield f"{NAMES[i]} goes back alone", _at(state, i, alone)
    for number in (0, 1):
        yield from _abort(state, number)


def _questions(state: State, i: int) -> Iterator[tuple[str, State]]:
    for j in range(3):
        if j == i:
            continue
        asked, reply = _said(state.hosts[j], {"do": "ask", "deployment": "d1"})
        if reply["ok"] and reply["decision"]:
            answer = {"do": "tell", "deployment": "d1", "decision": reply["decision"], "term": reply["term"], "answer": True}
            heard, _ = _said(state.hosts[i], answer)
            yield f"{NAMES[i]} asks {NAMES[j]}: {reply['decision']} of {reply['term']}", _at(_at(state, j, asked), i, heard)


def _abort(state: State, number: int) -> Iterator[tuple[str, State]]:
    """Its next message, or its end. Terms are 1 and 4: those of b among three."""
    abort, term = state.aborts[number], 1 + 3 * number
    if abort.over or abort.at == ALL or (number == 1 and state.aborts[0].at == 0):
        return
    yield f"abort {number + 1} is over", _with(state, number, abort._replace(over=True))
    own = {"fence": 2 + number, "term": term}
    who = (1, 2, 0, 1, 1, 2)[abort.at]
    host = state.hosts[who]
    if abort.at < 2:
        lease = {"owner": "X", "seconds": 1.0, "lead": "b", "members": ("b", "c"), "confirm_seconds": 1.0, "lost": ("a",)}
        message = {"do": "lease", "deployment": f"x{number + 1}", **own, **lease}
    elif abort.at == 2:
        yield f"abort {number + 1} reads b and c", _with(state, number, abort._replace(at=3, word=_known(state)))
        return
    elif abort.at == 3 and not abort.word:
        message = {"do": "undo", "deployment": "d1", **own}
    else:
        message = {"do": "tell", "decision": abort.word, "lead": "b", "deployment": "d1", **own}
    after, reply = _said(host, message, LATE + 10.0 * number)  # a lease of the first has run out for the second
    if not reply["ok"]:
        yield f"abort {number + 1} is refused: {reply['code']}", _with(state, number, abort._replace(over=True))
    else:
        word = str(reply.get("decision") or abort.word)
        moved = _with(_at(state, who, after), number, abort._replace(at=abort.at + 1, word=word))
        yield f"abort {number + 1} says {message['do']} to {NAMES[who]}", moved


def _known(state: State) -> str:
    """What b or c has on record, of the highest term; empty where neither has."""
    records = [a for host in state.hosts[1:] for a in host.attempts if a.deployment == "d1" and a.stage in DECISIONS]
    return max(records, key=lambda a: a.term).stage if records else ""


def _changed(before: State, after: State) -> Iterator[str]:
    """A decision on record changes only to that of a higher term, and only on the host that was written off."""
    for name, was, now in zip(NAMES, before.hosts, after.hosts, strict=True):
        old, new = was.attempt("d1"), now.attempt("d1")
        assert old is not None and new is not None
        if old.stage in DECISIONS and new.stage != old.stage:
            if new.term <= old.term:
                yield "a decision is replaced by one whose term is not higher"
            if name != "a":
                yield "a host that was not written off changes its decision"


def _wrongs(state: State) -> Iterator[str]:
    attempts = [attempt for host in state.hosts for attempt in host.attempts if attempt.deployment == "d1"]
    for term in {attempt.term for attempt in attempts}:
        if len({attempt.stage for attempt in attempts if attempt.term == term and attempt.stage in DECISIONS}) > 1:
            yield "one term has two decisions"
    ended = state.driver == 2 and all(abort.over or abort.at == ALL for abort in state.aborts)
    if ended and any(abort.at == ALL for abort in state.aborts) and len({_rested(state, i) for i in range(3)}) > 1:
        yield "when all have asked each other they serve different generations"


def _rested(state: State, i: int) -> tuple[int | None, str]:
    """What a host serves once it has heard the record of the highest term."""
    decided = [a for host in state.hosts for a in host.attempts if a.deployment == "d1" and a.stage in DECISIONS]
    best = max(decided, key=lambda attempt: attempt.term)
    message = {"do": "tell", "deployment": "d1", "decision": best.stage, "term": best.term, "answer": True}
    host, _ = _said(state.hosts[i], message)
    attempt = host.attempt("d1")
    return host.current, "open" if attempt is not None and attempt.stage in INTENT else ""


def _at(state: State, i: int, host: Member) -> State:
    hosts = [*state.hosts]
    hosts[i] = host
    return state._replace(hosts=(hosts[0], hosts[1], hosts[2]))


def _with(state: State, number: int, abort: Abort) -> State:
    return state._replace(aborts=(abort, state.aborts[1]) if number == 0 else (state.aborts[0], abort))

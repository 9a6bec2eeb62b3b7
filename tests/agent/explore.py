"""Bounds in; out, every state that two drivers and three hosts can reach under the rules of `decide.handle`, and what is wrong in it.

The first driver deploys generation 1; a second takes over at any time with number 2. Hosts are a (the lead) and two members. All that may
go wrong does, in every order, within `Bounds`: drivers die, leases run out, deadlines pass, hosts reboot, members give the lead up and go
back alone, a message arrives late or twice. Only the drivers are written here; whatever a host does is one call of `decide.handle`.

Time is not counted. Messages come at 0 with deadlines at 1 and leases until 2; a lease runs out by an edit of the record, and what a host
does past its deadline is asked at 1. Two things keep the number of states small and lose none that matters: a lease runs out together with
the first thing for which that makes a difference, and the two members are alike, so states that differ in who is who are one.

Seen whole, on 2026-11-28, without a broken promise: one death with one late message 1,922,736 states (15 minutes), with one reboot 356,233,
with one lone revert 236,849.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import random
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from shipway_agent import decide
from shipway_agent.decide import Held, Lease, Member
from shipway_agent.states import ARMED, COMMITTED, DECISIONS, INTENT, RESTORING, REVERTED, SWITCHED

S = TypeVar("S")

NAMES = ("a", "b", "c")
NOW, PAST_DEADLINE = 0.0, 1.0
CONFIRM_SECONDS, LEASE_SECONDS = 1.0, 2.0
ALL = 0b111
LONGEST_WALK = 120
LEAD = 0b001  # has the decision, and need not be told
DEPLOYMENTS = {1: "d1", 2: "d2"}

# Where a driver stands. WAITING: not begun. The last four are ends.
WAITING, LEASING, LOOKING, SETTLING, TELLING_OLD, PREPARING, SWITCHING, VERIFYING, COMMITTING, UNDOING = range(10)
TELLING_COMMITTED, TELLING_REVERTED, EXIT_0, EXIT_1, UNSETTLED, DEAD = range(10, 16)
ENDS = {EXIT_0: "exit 0", EXIT_1: "exit 1", UNSETTLED: "unsettled", DEAD: "dead"}

Message = tuple[tuple[str, Any], ...]


class Driver(NamedTuple):
    """`mask` are the hosts that have answered in this phase; `word` is what the phase is about."""

    phase: int
    mask: int = 0
    word: str = ""


NOBODY = Driver(DEAD)
SOME: tuple[int, Message] = (0, ())
"""Any late message: that there is one is all that others need to know."""


class Bounds(NamedTuple):
    """How often each fault may happen."""

    deaths: int = 1
    reboots: int = 0
    late: int = 0
    alone: int = 0


class State(NamedTuple):
    """Hosts are numbers of interned records. `late` is a message on its way: host and message."""

    hosts: tuple[int, int, int]
    drivers: tuple[Driver, Driver]
    late: tuple[int, Message] | None
    left: Bounds


@dataclass(frozen=True)
class Rules:
    """What the drivers hold themselves to; switched off, to see that it is needed or that the hosts hold without it."""

    undo_at_the_lead_first: bool = True
    settle_what_is_open: bool = True


@dataclass(frozen=True)
class Fault:
    """An invariant that does not hold, and the shortest way to it."""

    invariant: str
    trace: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.invariant}: " + " | ".join(self.trace)


@dataclass(frozen=True)
class Explored:
    """What an exploration found. `whole` when there was nothing left to explore; `exits` are the ends of drivers that were seen."""

    states: int
    whole: bool
    faults: tuple[Fault, ...]
    exits: frozenset[tuple[int, str]]
    seconds: float


def explore(bounds: Bounds, rules: Rules = Rules(), *, most_seconds: float = 20.0, first_fault: bool = False) -> Explored:
    """Breadth first from three fresh hosts. `most_seconds` of processor time bound it; `first_fault` ends it at the first wrong."""
    gc.disable()  # nothing is given up before the end, and looking for it takes a third of the time
    try:
        return _explore(bounds, rules, most_seconds, first_fault)
    finally:
        gc.enable()


def walk(bounds: Bounds, rules: Rules = Rules(), *, seed: int = 1, most_seconds: float = 10.0) -> Explored:
    """Many random walks from the start, for bounds too wide to see whole. Faults are rarer than progress on the way."""
    began = time.process_time()
    chance = random.Random(seed)
    world = World(rules)
    faults: dict[str, Fault] = {}
    exits: set[tuple[int, str]] = set()
    seen: set[State] = set()
    while time.process_time() - began < most_seconds:
        state = State(world.fresh, (Driver(LEASING), Driver(WAITING)), None, bounds)
        trace: list[str] = []
        while moves := world.moves(state):
            move, state = chance.choices(moves, [_likely(move, after.left != state.left) for move, after in moves])[0]
            trace.append(move)
            seen.add(state)
            exits.update((number, ENDS[driver.phase]) for number, driver in enumerate(state.drivers, 1) if driver.phase in ENDS)
            wrong = world.wrongs(state)
            for invariant in wrong:
                if invariant not in faults or len(trace) < len(faults[invariant].trace):
                    faults[invariant] = Fault(invariant, tuple(trace))
            if wrong or len(trace) > LONGEST_WALK:
                break
    return Explored(len(seen), False, tuple(faults.values()), frozenset(exits), time.process_time() - began)


def _explore(bounds: Bounds, rules: Rules, most_seconds: float, first_fault: bool) -> Explored:
    began = time.process_time()
    world = World(rules)
    start = State(world.fresh, (Driver(LEASING), Driver(WAITING)), None, bounds)
    came: dict[State, tuple[State, str] | None] = {start: None}
    queue = deque([start])
    faults: dict[str, Fault] = {}
    exits: set[tuple[int, str]] = set()
    while queue:
        if len(came) % 1024 == 0 and time.process_time() - began > most_seconds:
            break
        state = queue.popleft()
        for move, after in world.moves(state):
            after = _one_of_twins(after)
            if after in came:
                continue
            came[after] = (state, move)
            exits.update((number, ENDS[driver.phase]) for number, driver in enumerate(after.drivers, 1) if driver.phase in ENDS)
            wrong = world.wrongs(after)
            for invariant in wrong:
                faults.setdefault(invariant, Fault(invariant, trace(came, after)))
            if not wrong:
                queue.append(after)
        if first_fault and faults:
            break
    return Explored(len(came), not queue, tuple(faults.values()), frozenset(exits), time.process_time() - began)


def trace(came: Mapping[S, tuple[S, str] | None], state: S) -> tuple[str, ...]:
    """The moves that led to a state, the first one first. `came` has for each state the one before it and the move, None for the first."""
    moves = []
    step = came[state]
    while step is not None:
        moves.append(step[1])
        step = came[step[0]]
    return tuple(reversed(moves))


def _likely(move: str, spends: bool) -> float:
    if spends or any(word in move for word in ("undoes", "runs out", "passes", "hears")):
        return 0.05
    return 0.3 if "begins" in move or "late" in move else 1.0


class World:
    """Hosts and drivers. A host's record is a number; each question to `decide.handle` is asked once and remembered."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._members: list[Member] = []
        self._numbers: dict[str, int] = {}
        self._answers: dict[tuple[int, Message, float], tuple[int, dict[str, Any]]] = {}
        self._lapsed: dict[int, int] = {}
        self._moves: dict[tuple[int, State], list[tuple[str, State]]] = {}
        self._judged: dict[tuple[int, int, int], tuple[str, ...]] = {}
        self._rested: dict[tuple[int, int, int], tuple[str, ...]] = {}
        lead, member = self._intern(Member("a")), self._intern(Member("member"))
        self.fresh = (lead, member, member)

    # ----------------------------------------------------------------- hosts

    def say(self, host: int, message: Message, now: float = NOW) -> tuple[int, dict[str, Any]]:
        """The record after a message, and the reply."""
        known = self._answers.get((host, message, now))
        if known is None:
            member, reply = decide.handle(self._members[host], dict(message), now)
            known = self._answers[host, message, now] = (self._intern(member), reply)
        return known

    def stage(self, host: int, number: int) -> str:
        attempt = self._members[host].attempt(DEPLOYMENTS[number])
        return attempt.stage if attempt is not None else ""

    def current(self, host: int) -> int | None:
        return self._members[host].current

    def held(self, host: int) -> Held | None:
        return self._members[host].held

    def restores(self, host: int) -> bool:
        """Whether it puts data back before it goes back."""
        return any(attempt.stage == RESTORING for attempt in self._members[host].attempts)

    def _intern(self, member: Member) -> int:
        key = repr(member)
        if key not in self._numbers:
            self._numbers[key] = len(self._members)
            self._members.append(member)
        return self._numbers[key]

    def lapse(self, host: int) -> int:
        """The record when its lease has run out and the host has noticed."""
        if host not in self._lapsed:
            member = self._members[host]
            lease = member.lease
            if lease is not None:
                member = dataclasses.replace(member, lease=Lease(lease.deployment, lease.owner, lease.fence, lease.since, NOW))
            self._lapsed[host] = self.say(self._intern(member), TICK)[0]
        return self._lapsed[host]

    def _driven(self, host: int, number: int) -> bool:
        lease = self._members[host].lease
        return lease is not None and decide.live(lease, NOW) and lease.deployment == DEPLOYMENTS[number]

    # ----------------------------------------------------------------- moves

    def moves(self, state: State) -> list[tuple[str, State]]:
        """What may happen next. What a host or a driver may do does not depend on the other driver, so it is worked out once."""
        hosts, (first, second), late, left = state
        found = []
        if late is not None:
            host, message = late
            after = _with(hosts, host, self.say(hosts[host], message)[0])
            found.append((f"late {_show(message)} reaches {NAMES[host]}", State(after, state.drivers, None, left)))
        for move, then in self._worked_out(0, State(hosts, (NOBODY, NOBODY), late and SOME, left)):
            found.append((move, State(then.hosts, state.drivers, late or then.late, then.left)))
        for move, then in self._worked_out(1, State(hosts, (first, NOBODY), late and SOME, left)):
            found.append((move, State(then.hosts, (then.drivers[0], second), late or then.late, then.left)))
        for move, then in self._worked_out(2, State(hosts, (NOBODY, second), late and SOME, left)):
            found.append((move, State(then.hosts, (first, then.drivers[1]), late or then.late, then.left)))
        return found

    def _worked_out(self, number: int, state: State) -> list[tuple[str, State]]:
        known = self._moves.get((number, state))
        if known is None:
            known = self._moves[number, state] = list(self._driver_moves(state, number) if number else self._host_moves(state))
        return known

    def _host_moves(self, state: State) -> Iterator[tuple[str, State]]:
        for i, host in enumerate(state.hosts):
            lapsed = self.lapse(host)
            if any(self.stage(host, number) != self.stage(lapsed, number) for number in DEPLOYMENTS):
                yield f"the lease of {NAMES[i]} runs out", _at(state, i, lapsed)
            if state.left.reboots:
                yield f"{NAMES[i]} reboots", _spend(_at(state, i, self.say(host, BOOT)[0]), "reboots")
            ticked, reply = self.say(lapsed, TICK, PAST_DEADLINE)
            if ticked != lapsed:
                yield f"the deadline of {NAMES[i]} passes", _at(state, i, ticked)
            for deployment in reply["asks"]:
                yield from self._question(_at(state, i, lapsed), i, deployment)

    def _question(self, state: State, i: int, deployment: str) -> Iterator[tuple[str, State]]:
        ask = worded("ask", deployment=deployment)
        for lead, answer in (self.say(state.hosts[0], ask, PAST_DEADLINE), self.say(self.lapse(state.hosts[0]), ask, PAST_DEADLINE)):
            if answer["ok"] and answer["decision"]:
                told = worded("tell", deployment=deployment, decision=answer["decision"], answer=True)
                asked = _at(state, 0, lead)
                yield f"{NAMES[i]} hears {answer['decision']} of {deployment} from a", _at(asked, i, self.say(state.hosts[i], told)[0])
                yield from _later(asked, i, told, f"the answer of a to {NAMES[i]} is slow")
        if state.left.alone:
            back, reply = self.say(state.hosts[i], worded("alone", deployment=deployment), PAST_DEADLINE)
            if reply["ok"] and back != state.hosts[i]:
                yield f"{NAMES[i]} goes back alone", _spend(_at(state, i, back), "alone")

    def _driver_moves(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        driver = state.drivers[number - 1]
        who = f"D{number}"
        if driver.phase in ENDS:
            return
        if driver.phase == WAITING:
            yield f"{who} begins", _to(state, number, Driver(LEASING))
            return
        if state.left.deaths:
            yield f"{who} dies", _spend(_to(state, number, Driver(DEAD)), "deaths")
        if driver.phase not in (LEASING, LOOKING):
            yield from self._renewals(state, number)
        if driver.phase in (PREPARING, SWITCHING, VERIFYING, COMMITTING):
            first = Driver(UNDOING) if self._rules.undo_at_the_lead_first else Driver(TELLING_REVERTED, LEAD)
            yield f"{who} undoes", _to(state, number, first)
        yield from STEPS[driver.phase](self, state, number, driver)

    def _renewals(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        message = worded("renew", number, seconds=LEASE_SECONDS, owner=f"D{number}")
        for i, host in enumerate(state.hosts):
            if not self._driven(host, number):
                renewed, reply = self.say(host, message)
                if reply["ok"]:
                    yield f"D{number} renews {NAMES[i]}", _at(state, i, renewed)

    # --------------------------------------------------------------- drivers

    def lease(self, state: State, number: int, driver: Driver) -> Iterator[tuple[str, State]]:
        """In order of id. A lease that is held is waited for until it runs out; a number that is too low ends the driver."""
        i = _next(driver.mask)
        message = worded(
            "lease", number, owner=f"D{number}", seconds=LEASE_SECONDS, lead="a", members=NAMES, confirm_seconds=CONFIRM_SECONDS
        )
        host, reply = self.say(self.lapse(state.hosts[i]), message)
        if reply["ok"]:
            yield f"D{number} leases {NAMES[i]}", _answered(_at(state, i, host), number, driver, i, PREPARING if number == 1 else LOOKING)
            yield from _again(state, number, i, message)
        else:
            yield f"D{number} is refused by {NAMES[i]}: {reply['code']}", _to(state, number, Driver(UNSETTLED))

    def look(self, state: State, number: int, driver: Driver) -> Iterator[tuple[str, State]]:
        """Under its leases the second driver reads every record again."""
        i = _next(driver.mask)
        found = "open" if driver.word or self.stage(state.hosts[i], 1) in INTENT else ""
        after = SETTLING if found and self._rules.settle_what_is_open else PREPARING
        mask = driver.mask | 1 << i
        yield f"D{number} looks at {NAMES[i]}", _to(state, number, Driver(after) if mask == ALL else Driver(LOOKING, mask, found))

    def settle(self, state: State, number: int, driver: Driver) -> Iterator[tuple[str, State]]:
        """The other's deployment is ended at its lead, under this driver's number."""
        message: Message = (("deployment", "d1"), ("do", "undo"), ("fence", number))
        host, reply = self.say(state.hosts[0], message)
        if reply["ok"]:
            yield (
                f"D{number} settles d1: {reply['decision']}",
                _to(_at(state, 0, host), number, Driver(TELLING_OLD, LEAD, reply["decision"])),
            )
        else:
            yield f"D{number} may not settle: {reply['code']}", _to(state, number, Driver(UNSETTLED))
        yield from _again(state, number, 0, message)

    def tell_old(self, state: State, number: int, driver: Driver) -> Iterator[tuple[str, State]]:
        yield from self._tell(state, number, driver, "d1", driver.word, PREPARING)

    def prepare(self, state: State, number: int, driver: Driver) -> Iterator[tuple[str, State]]:
        """vote, start and ready of one host, one after the other: nothing but the lease matters to any of them."""
        i = _next(driver.mask)
        host = state.hosts[i]
        reply: dict[str, Any] = {}
        for do in ("vote", "start", "ready"):
            host, reply = self.say(host, worded(do, number))
        after = _at(state, i, host)
        if reply["ok"]:
            yield f"D{number} prepares {NAMES[i]}", _answered(after, number, driver, i, SWITCHING)
        else:
            yield f"D{number} finds {NAMES[i]} {reply['code']}", _to(after, number, Driver(UNDOING))

    def switch(self, state: State, number: int, driver: Driver) -> Iterator[tuple[str, State]]:
        """All hosts at once, so in any order; arming and renaming are two moments of each."""
        for i, host in enumerate(state.hosts):
            if driver.mask >> i & 1:
                continue
            do = "switched" if self.stage(host, number) == ARMED else "arm"
            message = worded(do, number)
            moved, reply = self.say(host, message)
            if not reply["ok"]:
                yield f"D{number} finds {NAMES[i]} {reply['code']}", _to(state, number, Driver(UNDOING))
            elif do == "arm":
                yield f"{NAMES[i]} arms d{number}", _at(state, i, moved)
                yield from _again(state, number, i, message)
            else:
                yield f"{NAMES[i]} switches to {number}", _answered(_at(state, i, moved), number, driver, i, VERIFYING)

    def verify(self, state: State, number: int, driver: Driver) -> Iterator[tuple[str, State]]:
        i = _next(driver.mask)
        if self.stage(state.hosts[i], number) == SWITCHED and self.current(state.hosts[i]) == number:
            yield f"D{number} verifies {NAMES[i]}", _answered(state, number, driver, i, COMMITTING)

    def commit(self, state: State, number: int, driver: Driver) -> Iterator[tuple[str, State]]:
        message = worded("commit", number)
        host, reply = self.say(state.hosts[0], message)
        yield f"D{number} commits", _decided(_at(state, 0, host), number, reply, UNDOING)
        yield from _again(state, number, 0, message)

    def undo(self, state: State, number: int, driver: Driver) -> Iterator[tuple[str, State]]:
        message = worded("undo", number)
        host, reply = self.say(state.hosts[0], message)
        yield f"D{number} writes its undo", _decided(_at(state, 0, host), number, reply, UNSETTLED)
        yield from _again(state, number, 0, message)

    def tell_committed(self, state: State, number: int, driver: Driver) -> Iterator[tuple[str, State]]:
        yield from self._tell(state, number, driver, DEPLOYMENTS[number], COMMITTED, EXIT_0)

    def tell_reverted(self, state: State, number: int, driver: Driver) -> Iterator[tuple[str, State]]:
        yield from self._tell(state, number, driver, DEPLOYMENTS[number], REVERTED, EXIT_1)

    def _tell(self, state: State, number: int, driver: Driver, of: str, decision: str, then: int) -> Iterator[tuple[str, State]]:
        message: Message = (("decision", decision), ("deployment", of), ("do", "tell"), ("fence", number))
        for i, host in enumerate(state.hosts):
            if driver.mask >> i & 1:
                continue
            told, reply = self.say(host, message)
            if reply["ok"]:
                yield f"D{number} tells {NAMES[i]} {decision} of {of}", _answered(_at(state, i, told), number, driver, i, then)
                yield from _again(state, number, i, message)
            else:
                yield f"D{number} is not followed by {NAMES[i]}: {reply['code']}", _to(state, number, Driver(UNSETTLED))

    # ------------------------------------------------------------ invariants

    def wrongs(self, state: State) -> tuple[str, ...]:
        """The promises that this state breaks."""
        hosts = state.hosts
        if hosts not in self._judged:
            self._judged[hosts] = tuple(self._records(hosts))
        found = self._judged[hosts]
        for number, driver in enumerate(state.drivers, 1):
            if driver.phase == EXIT_0 and any((self.current(host) or 0) < number for host in hosts):
                found += ("success was reported and a host does not serve",)
            if driver.phase == EXIT_1 and any(self.current(host) == number for host in hosts):
                found += ("an undo was reported and a host serves the new generation",)
        if state.late is None and all(driver.phase in ENDS or driver.phase == WAITING for driver in state.drivers):
            if hosts not in self._rested:
                self._rested[hosts] = tuple(self._at_rest(hosts))
            found += self._rested[hosts]
        return found

    def _records(self, hosts: tuple[int, int, int]) -> Iterator[str]:
        for number in (1, 2):
            if len({self.stage(host, number) for host in hosts} & DECISIONS) > 1:
                yield "two hosts hold contradicting decisions"
        for host in hosts:
            second = self._members[host].attempt("d2")
            if second is None or second.stage not in INTENT:
                continue
            if self.stage(host, 1) in INTENT:
                yield "a host switches while an earlier deployment is open on it"
            if second.base == 1 and self.stage(hosts[0], 1) != COMMITTED:
                yield "a deployment builds on one that was not committed"

    def _at_rest(self, hosts: tuple[int, int, int]) -> Iterator[str]:
        """Every lease runs out, every deadline passes, every host asks: then all serve what the lead decided, and nothing is open."""
        settled = [self.say(self.lapse(host), TICK, PAST_DEADLINE)[0] for host in hosts]
        for number, deployment in DEPLOYMENTS.items():
            for i in (1, 2):
                if self.stage(settled[i], number) not in INTENT:
                    continue
                settled[0], reply = self.say(settled[0], worded("ask", deployment=deployment), PAST_DEADLINE)
                if reply["ok"] and reply["decision"]:
                    settled[i] = self.say(settled[i], worded("tell", deployment=deployment, decision=reply["decision"], answer=True))[0]
        if any(self.stage(host, number) in INTENT for host in settled for number in DEPLOYMENTS):
            yield "a host stays open for ever"
        want = max((number for number in DEPLOYMENTS if self.stage(settled[0], number) == COMMITTED), default=None)
        if any(self.current(host) != want for host in settled):
            yield "the fleet does not come to the lead's decision"


STEPS = {
    LEASING: World.lease,
    LOOKING: World.look,
    SETTLING: World.settle,
    TELLING_OLD: World.tell_old,
    PREPARING: World.prepare,
    SWITCHING: World.switch,
    VERIFYING: World.verify,
    COMMITTING: World.commit,
    UNDOING: World.undo,
    TELLING_COMMITTED: World.tell_committed,
    TELLING_REVERTED: World.tell_reverted,
}


@functools.cache
def worded(do: str, number: int = 0, **more: Any) -> Message:
    own = {"deployment": DEPLOYMENTS[number], "fence": number} if number else {}
    return tuple(sorted({"do": do, **own, **more}.items()))


TICK = worded("tick")
BOOT = worded("boot")


def _show(message: Message) -> str:
    said = dict(message)
    return " ".join(str(said[key]) for key in ("do", "decision", "deployment") if key in said)


def _next(mask: int) -> int:
    return 0 if not mask & 1 else 1 if not mask & 2 else 2


def _with(hosts: tuple[int, int, int], i: int, host: int) -> tuple[int, int, int]:
    a, b, c = hosts
    return (host, b, c) if i == 0 else (a, host, c) if i == 1 else (a, b, host)


def _at(state: State, i: int, host: int) -> State:
    return State(_with(state.hosts, i, host), state.drivers, state.late, state.left)


def _to(state: State, number: int, driver: Driver) -> State:
    first, second = state.drivers
    return State(state.hosts, (driver, second) if number == 1 else (first, driver), state.late, state.left)


def _answered(state: State, number: int, driver: Driver, i: int, then: int) -> State:
    mask = driver.mask | 1 << i
    return _to(state, number, Driver(then) if mask == ALL else Driver(driver.phase, mask, driver.word))


def _decided(state: State, number: int, reply: dict[str, Any], otherwise: int) -> State:
    if not reply["ok"]:
        return _to(state, number, Driver(otherwise))
    return _to(state, number, Driver(TELLING_COMMITTED if reply["decision"] == COMMITTED else TELLING_REVERTED, LEAD))


def _again(state: State, number: int, i: int, message: Message) -> Iterator[tuple[str, State]]:
    """The same message once more, on a slow way of its own."""
    yield from _later(state, i, message, f"D{number}'s {_show(message)} to {NAMES[i]} is repeated")


def _later(state: State, i: int, message: Message, move: str) -> Iterator[tuple[str, State]]:
    if state.left.late and state.late is None:
        yield move, _spend(State(state.hosts, state.drivers, (i, message), state.left), "late")


def _spend(state: State, what: str) -> State:
    left = state.left._replace(**{what: getattr(state.left, what) - 1})
    return State(state.hosts, state.drivers, state.late, left)


def _one_of_twins(state: State) -> State:
    """The members are alike, so of two states in which they have changed places one is enough."""
    _, b, c = state.hosts
    if b < c:
        return state
    other = _swapped(state)
    return other if b > c or _order(other) < _order(state) else state


def _swapped(state: State) -> State:
    a, b, c = state.hosts
    first, second = state.drivers
    late = state.late
    return State(
        (a, c, b),
        (Driver(first.phase, _SWAPPED[first.mask], first.word), Driver(second.phase, _SWAPPED[second.mask], second.word)),
        late if late is None or late[0] == 0 else (3 - late[0], late[1]),
        state.left,
    )


def _order(state: State) -> tuple[int, int, int]:
    return state.drivers[0].mask, state.drivers[1].mask, 0 if state.late is None else state.late[0]


_SWAPPED = tuple(mask & 1 | (mask & 2) << 1 | (mask & 4) >> 1 for mask in range(8))

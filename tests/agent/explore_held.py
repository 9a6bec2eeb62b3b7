"""A number of hosts in; out, every state that a deployment with held migrations can reach on them, and what is wrong in it.

The first driver votes, holds every host, touches the data of the lead a, changes it, and goes on to its commit, or undoes; a second one
takes over at any time and settles. All that may go wrong does, in every order, within `Bounds`: the driver dies, leases run out, deadlines
pass, hosts reboot, a message arrives late or twice. A migration that has begun goes on without its driver. Whatever a host does is one
call of `decide.handle` (explore.py has the time); the data is one word: what the old release knows, or what the new one does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from shipway_agent.states import COMMITTED, DISCARDED, INTENT, REVERTED, TENTATIVE
from tests.agent.explore import BOOT, CONFIRM_SECONDS, LEASE_SECONDS, NAMES, PAST_DEADLINE, TICK, Message, Rules, World, trace, worded

OLD, CHANGING, NEW = "old", "changing", "new"
POINT = "main-1"

# What a driver does, host by host where it is said to each. "undo" stands for itself, then it tells.
PHASES = ("lease", "vote", "hold", "touch", "changed", "start", "ready", "arm", "switched", "commit", "tell", "finish", "over")
TO_THE_LEAD = frozenset({"touch", "changed", "commit", "undo"})


class Bounds(NamedTuple):
    """How often each fault may happen."""

    deaths: int = 1
    reboots: int = 0
    late: int = 0


class Driver(NamedTuple):
    """`told` counts the hosts that have answered in this phase; `word` is the decision that it tells."""

    phase: str
    told: int = 0
    word: str = ""


class State(NamedTuple):
    """Hosts are numbers of interned records. `late` is a message on its way: host and message."""

    hosts: tuple[int, ...]
    first: Driver
    second: Driver
    data: str
    late: tuple[int, Message] | None
    left: Bounds


@dataclass(frozen=True)
class Explored:
    """How many states there are, the wrongs in them with the way there, and what was seen."""

    states: int
    faults: dict[str, tuple[str, ...]]
    ends: frozenset[str]


@dataclass(frozen=True)
class Care:
    """What those who put a point back hold themselves to; switched off, to see that it is needed."""

    waits_for_what_runs: bool = True


def explore(hosts: int, bounds: Bounds, care: Care = Care(), *, first_fault: bool = False) -> Explored:
    """All of them, breadth first; what is wrong is not followed further."""
    return _Exploration(hosts, care).explore(bounds, first_fault)


class _Exploration:
    def __init__(self, hosts: int, care: Care) -> None:
        self._world = World(Rules())
        self._count = hosts
        self._care = care
        self._rested: dict[tuple[tuple[int, ...], str], tuple[str, ...]] = {}

    def explore(self, bounds: Bounds, first_fault: bool) -> Explored:
        start = State(self._world.fresh[: self._count], Driver("lease"), Driver("lease"), OLD, None, bounds)
        came: dict[State, tuple[State, str] | None] = {start: None}
        queue = deque([start])
        faults: dict[str, tuple[str, ...]] = {}
        ends: set[str] = set()
        while queue and not (first_fault and faults):
            state = queue.popleft()
            for move, after in self._moves(state):
                if after in came:
                    continue
                came[after] = (state, move)
                wrongs = [*self._wrongs(after), *self._at_rest(after)]
                for wrong in wrongs:
                    faults.setdefault(wrong, trace(came, after))
                if after.first.phase == "over":
                    ends.add(f"{after.first.word or 'dead'}, data {after.data}")
                if not wrongs:
                    queue.append(after)
        return Explored(len(came), faults, frozenset(ends))

    # ----------------------------------------------------------------- moves

    def _moves(self, state: State) -> Iterator[tuple[str, State]]:
        if state.late is not None:
            host, said = state.late
            after = self._world.say(state.hosts[host], said)[0]
            yield f"late {dict(said)['do']} reaches {NAMES[host]}", _at(state, host, after)._replace(late=None)
        for host in range(self._count):
            yield from self._host_moves(state, host)
        if state.data == CHANGING:
            yield "the migration ends", state._replace(data=NEW)
        lead = state.hosts[0]
        held = self._world.held(lead)
        if self._world.restores(lead) and state.data == NEW:
            yield "the point is in its place again", state._replace(data=OLD)
        elif self._world.restores(lead) and held is not None and not (state.data == CHANGING and self._care.waits_for_what_runs):
            yield "a says that it is", _at(state, 0, self._world.say(lead, worded("restored", deployment="d1", point=held.point))[0])
        for number in (1, 2):
            yield from self._driver_moves(state, number)

    def _host_moves(self, state: State, i: int) -> Iterator[tuple[str, State]]:
        host = state.hosts[i]
        lapsed = self._world.lapse(host)
        if lapsed != host and not self._is_only_a_lease(host, lapsed):
            yield f"the lease of {NAMES[i]} runs out", _at(state, i, lapsed)
        if state.left.reboots:
            left = state.left._replace(reboots=state.left.reboots - 1)
            data = NEW if i == 0 and state.data == CHANGING else state.data  # what ran on it has ended, somewhere
            yield f"{NAMES[i]} reboots", _at(state, i, self._world.say(host, BOOT)[0])._replace(left=left, data=data)
        ticked, reply = self._world.say(lapsed, TICK, PAST_DEADLINE)
        if ticked != lapsed:
            yield f"the deadline of {NAMES[i]} passes", _at(state, i, ticked)
        for deployment in reply["asks"]:
            asking = _at(state, i, lapsed)
            yield f"{NAMES[i]} would go back alone", _at(asking, i, self._world.say(lapsed, worded("alone", deployment=deployment), 1.0)[0])
            for lead in (asking.hosts[0], self._world.lapse(asking.hosts[0])):
                asked, answer = self._world.say(lead, worded("ask", deployment=deployment), PAST_DEADLINE)
                if not answer["ok"]:
                    continue
                after = _at(asking, 0, asked)
                if answer["decision"]:
                    told = worded("tell", deployment=deployment, decision=answer["decision"], answer=True)
                    after = _at(after, i, self._world.say(after.hosts[i], told)[0])
                yield f"{NAMES[i]} asks a: {answer['decision']}", after

    def _is_only_a_lease(self, host: int, lapsed: int) -> bool:
        """Nothing follows from it yet: it runs out together with what it makes a difference for."""
        return all(self._world.stage(host, number) == self._world.stage(lapsed, number) for number in (1, 2))

    def _driver_moves(self, state: State, number: int) -> Iterator[tuple[str, State]]:
        driver = state.first if number == 1 else state.second
        if driver.phase == "over":
            return
        who = f"D{number}"
        if state.left.deaths and number == 1:
            left = state.left._replace(deaths=state.left.deaths - 1)
            yield f"{who} dies", _to(state, number, Driver("over"))._replace(left=left)
        if number == 1 and driver.phase in PHASES[1:10]:
            yield f"{who} undoes", _to(state, number, Driver("undo"))
            for i, host in enumerate(state.hosts):
                renewed, reply = self._world.say(host, worded("renew", 1, seconds=LEASE_SECONDS, owner="D1"))
                if reply["ok"] and renewed != host:
                    yield f"{who} renews {NAMES[i]}", _at(state, i, renewed)
        if driver.phase in ("undo", "tell") and driver.told == 0:
            yield f"{who} hears nobody, and lets go", _to(state, number, Driver("finish"))
        if driver.phase == "changed":
            if state.data == NEW:
                yield f"{who} hears that the migration has ended", _to(state, number, Driver("start"))
            return
        host = 0 if driver.phase in TO_THE_LEAD else driver.told
        said = self._said(number, driver)
        if driver.phase == "lease":
            after, reply = self._world.say(self._world.lapse(state.hosts[host]), said)
        else:
            after, reply = self._world.say(state.hosts[host], said)
        moved = _at(state, host, after)
        if state.left.late and state.late is None and driver.phase != "lease":
            yield (
                f"{who}'s {driver.phase} to {NAMES[host]} is repeated",
                state._replace(late=(host, said), left=state.left._replace(late=state.left.late - 1)),
            )
        yield f"{who} {driver.phase} {NAMES[host]}: {reply.get('code', 'ok')}", self._next(moved, number, driver, reply)

    def _said(self, number: int, driver: Driver) -> Message:
        """A second driver only settles: it says everything of the first's deployment, under its own number."""
        words: dict[str, dict[str, Any]] = {
            "lease": {
                "owner": f"D{number}",
                "seconds": LEASE_SECONDS,
                "lead": "a",
                "members": NAMES[: self._count],
                "confirm_seconds": CONFIRM_SECONDS,
            },
            "vote": {"addresses": (("a", ("a:1",)),)},
            "hold": {"seconds": 30, "waits": True},
            "touch": {"point": POINT, "bound_seconds": 60.0},
            "tell": {"decision": driver.word},
        }
        more = words.get(driver.phase, {})
        if number == 2 and driver.phase in ("undo", "tell"):
            more["deployment"] = "d1"
        return worded(driver.phase, number, **more)

    def _next(self, state: State, number: int, driver: Driver, reply: dict[str, Any]) -> State:
        """Where the driver stands once it has heard the reply."""
        if not reply["ok"]:
            lost = driver.phase in ("lease", "undo", "tell", "finish")
            return _to(state, number, Driver("over") if lost else Driver("undo"))
        if driver.phase in ("undo", "commit"):
            decision = reply["decision"]
            return _to(state, number, Driver("tell", 0, decision) if decision else driver)
        if driver.phase not in TO_THE_LEAD and driver.told + 1 < self._count:
            return _to(state, number, driver._replace(told=driver.told + 1))
        following = PHASES[PHASES.index(driver.phase) + 1]
        if number == 2 and driver.phase == "lease":
            following = "undo"
        after = _to(state, number, Driver(following, 0, driver.word))
        return after._replace(data=CHANGING) if driver.phase == "touch" else after

    # ------------------------------------------------------------ invariants

    def _wrongs(self, state: State) -> Iterator[str]:
        """The promises that this state breaks."""
        lead = self._stage(state, 0)
        if state.data != OLD and lead in (REVERTED, DISCARDED):
            yield "the lead has gone back and the data has not"
        if state.data == OLD and lead == COMMITTED and self._world.held(state.hosts[0]) is None and state.first.phase != "over":
            yield "what is committed has the old data"
        for i, host in enumerate(state.hosts):
            held = self._world.held(host)
            if held is not None and held.waits:
                continue
            serves_new = self._world.current(host) == 1
            if serves_new and (state.data != NEW or lead != COMMITTED):
                yield f"{NAMES[i]} lets visitors in to the new release, and data and decision are not its own"
            if not serves_new and (state.data != OLD or lead == COMMITTED):
                yield f"{NAMES[i]} lets visitors in to the old release, and data and decision are not its own"

    def _at_rest(self, state: State) -> tuple[str, ...]:
        """Nobody drives any more, and the point can be put back: then everybody is let in again, to one release."""
        known = self._rested.get((state.hosts, state.data))
        if known is None:
            known = self._rested[state.hosts, state.data] = tuple(self._rest(state))
        return known

    def _rest(self, state: State) -> Iterator[str]:
        hosts, data = [self._world.lapse(host) for host in state.hosts], state.data
        hosts = [self._world.say(host, TICK, PAST_DEADLINE)[0] for host in hosts]
        held = self._world.held(hosts[0])
        if self._world.restores(hosts[0]) and held is not None:
            data = OLD
            hosts[0] = self._world.say(hosts[0], worded("restored", deployment="d1", point=held.point))[0]
        for i in range(1, self._count):
            for deployment in self._world.say(hosts[i], TICK, PAST_DEADLINE)[1]["asks"]:
                hosts[0], answer = self._world.say(hosts[0], worded("ask", deployment=deployment), PAST_DEADLINE)
                if answer["ok"] and answer["decision"]:
                    told = worded("tell", deployment=deployment, decision=answer["decision"], answer=True)
                    hosts[i] = self._world.say(hosts[i], told)[0]
        if any(self._world.held(host) is not None for host in hosts):
            yield "somebody waits for ever"
        if any(self._world.stage(host, 1) in (*INTENT, *TENTATIVE) for host in hosts):
            yield "a host stays open for ever"
        if len({self._world.current(host) for host in hosts}) > 1:
            yield "the fleet does not come to one release"
        if data != CHANGING and (self._world.current(hosts[0]) == 1) != (data == NEW):
            yield "release and data do not come together"

    def _stage(self, state: State, i: int) -> str:
        return self._world.stage(state.hosts[i], 1)


def _at(state: State, i: int, host: int) -> State:
    return state._replace(hosts=(*state.hosts[:i], host, *state.hosts[i + 1 :]))


def _to(state: State, number: int, driver: Driver) -> State:
    return state._replace(first=driver) if number == 1 else state._replace(second=driver)

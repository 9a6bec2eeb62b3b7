"""What is wanted of one running copy, what is recorded and what was seen in; the one next thing to do with it out. Pure.

A copy is one instance of one process of one generation. The daemon calls `next_for` for each copy, in each turn of its loop, and does what
it answers; everything slow (a drain of 20 minutes, a back-off) is time that passes between turns.
"""

from __future__ import annotations

from shipway_agent.journal import ProcessRow
from shipway_agent.record import dataclass, replace
from shipway_agent.typed import AbstractSet, Callable, Dict, Iterable, Mapping, Optional, Tuple

Key = Tuple[int, str, int]
"""Generation, process, instance."""

# What the daemon does with a copy.
NOTHING = "nothing"
START = "start"  # a new token, the row, the process
UP = "up"  # it is healthy for the first time
ADOPT = "adopt"  # its first process ended, and one that it left behind on purpose takes its place
REST = "rest"  # it died; it starts again after a pause
CRASH = "crash"  # it died too often; it stays down until it is tried again
SWEEP = "sweep"  # SIGTERM to what a dead copy left behind, before it starts again
DRAIN = "drain"  # wait until nobody needs its listener
RETURN = "return"  # it is wanted again before it was told to end
TERMINATE = "terminate"  # SIGTERM to the whole group
KILL = "kill"  # SIGKILL to each of its processes
FORGET = "forget"  # proved gone: delete the row

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
CRASHES = 5
CRASH_SECONDS = 30.0
"""This many deaths within this time are a crash loop."""

TRY_AGAIN_SECONDS = 60.0
"""A copy of what is decided that crashed is tried once more this long after it was given up, and again after each such try."""

LEAST_STOP_SECONDS = 2.0
"""From SIGTERM to SIGKILL, however little of the drain time is left."""

SETTLE_SECONDS = 0.3
"""A request whose address the proxy read right before the switch has reached the backlog or the proxy's count by then."""

CALM_LOOKS = 2
"""Looks in a row that find nobody who needs a listener, before it is told to end."""

DAEMONISE_SECONDS = 0.5
"""How long a process that daemonises may take from the end of its first process to the end of its second."""

STEADY_SECONDS = 1.0
"""A copy without a listener counts as up when it has lived this long, where its document does not say otherwise."""

LOOK_SECONDS = 0.1
"""Between two looks at a copy that starts or ends; sooner where one is known to be up sooner."""

LEAST_LOOK_SECONDS = 0.005


@dataclass(frozen=True)
class Rule:
    """What the generation's document says of this process. `candidate` while its generation is not decided: then a crash is final."""

    listens: bool = False
    drain_seconds: float = 30.0
    overlap: bool = True
    candidate: bool = False
    steady_seconds: float = STEADY_SECONDS


@dataclass(frozen=True)
class Seen:
    """What this turn saw. `left` counts other processes of the copy, and is only looked for once its first process is gone.

    `executed` is False as long as it is the daemon's own child and has not become the program. `leader` is the pid of one of those that
    left group and session on purpose. `needed` are requests that an end would lose.
    """

    alive: bool = False
    executed: bool = True
    left: int = 0
    leader: Optional[int] = None
    healthy: Optional[bool] = None
    needed: int = 0
    exit: Optional[int] = None


@dataclass(frozen=True)
class Memory:
    """What the daemon remembers of a copy between turns; times are seconds of one steady clock.

    `began`: when the row's state began; `told`: when SIGTERM was sent; `deaths`: the latest; `again`: when a pause ends.
    `short` counts lives of less than CRASH_SECONDS in a row; `gone`: since when the first process is gone and others live on.
    """

    began: float = 0.0
    told: Optional[float] = None
    calm: int = 0
    deaths: Tuple[float, ...] = ()
    short: int = 0
    again: float = 0.0
    gone: Optional[float] = None


Next = Tuple[str, Memory]


def next_for(row: Optional[ProcessRow], wanted: bool, free: bool, rule: Rule, seen: Seen, memory: Memory, now: float) -> Next:
    """The next thing to do, and what to remember. `free` is False while the copy's place is taken (a predecessor that may not overlap)."""
    if row is None:
        return (START, _anew(memory, now)) if wanted and free else (NOTHING, memory)
    if row.state == "crashed" and row.pid is None:
        return _crashed(wanted, free, rule, memory, now)
    if row.pid is None:
        return _resting(wanted, free, memory, now)
    if not seen.alive:
        return _dead(row, wanted, rule, seen, memory, now)
    if row.state == "stopping":
        return _stopping(rule, memory, now)
    if wanted:
        return _serving(row, rule, seen, memory, now)
    return _leaving(row, rule, seen, memory, now)


def handed_over(
    takers: Iterable[Key], rows: Mapping[Key, ProcessRow], wanted: AbstractSet[Key], hands_over: Callable[[Key, Key], bool]
) -> Dict[Key, Key]:
    """Copies that may take over a running one instead of being started → whose. `hands_over` says whether a copy may become another one.

    Only what is up, healthy and not wanted where it is, is given away: same process, same address, another name.
    """
    found: Dict[Key, Key] = {}
    for taker in takers:
        givers = [
            key
            for key, row in rows.items()
            if key[1:] == taker[1:] and key not in wanted and row.state == "up" and row.healthy and hands_over(key, taker)
        ]
        if taker not in rows and givers:
            found[taker] = max(givers)
    return found


def look_seconds(row: ProcessRow, rule: Rule, memory: Memory, now: float) -> Optional[float]:
    """How soon a copy is to be looked at again, None where only what happens counts: a death, an answer, a change of what is wanted."""
    if row.state not in ("starting", "draining", "stopping"):
        return None
    if row.state == "starting" and row.pid is not None and not rule.listens:
        return max(LEAST_LOOK_SECONDS, min(LOOK_SECONDS, memory.began + rule.steady_seconds - now))
    return LOOK_SECONDS


def pause_seconds(short: int) -> float:
    """How long a copy rests after its `short`-th short life in a row: 0.2 s, doubling to 10 s."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(30, max(0, short - 1)))


def died(memory: Memory, now: float) -> Next:
    """A copy that is wanted has died: it rests, or it stays down."""
    deaths = (*(at for at in memory.deaths if now - at <= CRASH_SECONDS), now)
    if len(deaths) >= CRASHES:
        return CRASH, Memory(began=now, deaths=deaths, again=now + TRY_AGAIN_SECONDS)
    short = memory.short + 1 if now - memory.began < CRASH_SECONDS else 1
    return REST, Memory(began=now, deaths=deaths, short=short, again=now + pause_seconds(short))


def _crashed(wanted: bool, free: bool, rule: Rule, memory: Memory, now: float) -> Next:
    """It stays down; one that people miss gets a single try a minute, for what it needs may be back. One more death ends the try."""
    if not wanted:
        return FORGET, memory
    if rule.candidate or not free or now < memory.again:
        return NOTHING, memory
    return START, replace(_anew(memory, now), deaths=(now,) * (CRASHES - 1))


def _resting(wanted: bool, free: bool, memory: Memory, now: float) -> Next:
    if not wanted:
        return FORGET, memory
    return (START, _anew(memory, now)) if free and now >= memory.again else (NOTHING, memory)


def _dead(row: ProcessRow, wanted: bool, rule: Rule, seen: Seen, memory: Memory, now: float) -> Next:
    if seen.left:
        return _left_behind(row, wanted, rule, seen, memory, now)
    if not wanted or row.state in ("draining", "stopping"):
        return FORGET, memory
    return died(memory, now)


def _left_behind(row: ProcessRow, wanted: bool, rule: Rule, seen: Seen, memory: Memory, now: float) -> Next:
    """The first process is gone and others of the copy live: a shell that SIGTERM ended before its server, or workers without a master."""
    if row.state == "stopping":
        return _stopping(rule, memory, now)
    if row.state == "draining" or not wanted:
        return TERMINATE, replace(memory, began=memory.began if row.state == "draining" else now, told=now)
    gone = now if memory.gone is None else memory.gone
    if seen.exit in (None, 0) and memory.told is None and now - gone < DAEMONISE_SECONDS:
        return NOTHING, replace(memory, gone=gone)
    if seen.leader is not None:
        return ADOPT, replace(memory, gone=None)
    if memory.told is None:
        return SWEEP, replace(memory, told=now)
    return (KILL, memory) if now - memory.told >= LEAST_STOP_SECONDS else (NOTHING, memory)


def _stopping(rule: Rule, memory: Memory, now: float) -> Next:
    told = memory.told if memory.told is not None else memory.began
    return (KILL, memory) if now >= max(told + LEAST_STOP_SECONDS, memory.began + rule.drain_seconds) else (NOTHING, memory)


def _serving(row: ProcessRow, rule: Rule, seen: Seen, memory: Memory, now: float) -> Next:
    if row.state == "draining":
        return RETURN, replace(memory, calm=0, told=None)
    steady = seen.executed and now - memory.began >= rule.steady_seconds
    if row.state in ("starting", "crashed") and (seen.healthy if rule.listens else steady):
        return UP, memory
    return NOTHING, memory


def _leaving(row: ProcessRow, rule: Rule, seen: Seen, memory: Memory, now: float) -> Next:
    if not rule.listens:
        return TERMINATE, replace(memory, began=now, told=now)
    if row.state != "draining":
        return DRAIN, replace(memory, began=now, calm=0, told=None)
    calm = 0 if seen.needed else memory.calm + 1
    settled = now - memory.began >= SETTLE_SECONDS and calm >= CALM_LOOKS
    if settled or now - memory.began >= rule.drain_seconds:
        return TERMINATE, replace(memory, calm=calm, told=now)
    return NOTHING, replace(memory, calm=calm)


def _anew(memory: Memory, now: float) -> Memory:
    return replace(memory, began=now, told=None, calm=0, gone=None)

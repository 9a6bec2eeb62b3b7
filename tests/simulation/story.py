"""A seed in; out, what is to happen to a fleet, drawn from it, and the history of its happening.

Every story ends alike: everything heals, time passes until it is quiet, and one more deployment must be live without any force.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from tests.simulation.checker import check
from tests.simulation.deploying import Shape, Times, deploy, quiet, with_daemons
from tests.simulation.history import Happening
from tests.simulation.loop import simulate
from tests.simulation.standing import Standing, standing
from tests.simulation.world import OPERATOR, Faults, World

WINDOWS = (Times(3, 6, 1), Times(10, 20, 2), Times(30, 60, 5), Times(6, 3, 0.5))
LATER = ("deploy", "deploy", "deploy", "rollback", "prepare", "resume", "abort")
STEPS = ("tree", "task:migrate", "start", "switch", "prove", "prune", "member:ready")
CALLS_OF_A_HOST = 18
YEAR_SECONDS = 365 * 86400.0


@dataclass(frozen=True)
class Act:
    """One driver: when it sets out, to do what, and at which of its calls it dies, sleeps or something befalls the fleet."""

    at: float
    shape: Shape
    faults: Faults
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True)
class Trouble:
    """One misfortune: when, what, to whom, and for how long."""

    at: float
    what: str
    host: str
    seconds: float
    other: str = ""


@dataclass(frozen=True)
class Story:
    """All that is drawn from a seed before anything happens. `first`: something serves already. `offsets`: how wrong wall clocks are."""

    seed: int
    hosts: tuple[str, ...]
    times: Times
    weather: Faults
    first: bool
    acts: tuple[Act, ...]
    troubles: tuple[Trouble, ...]
    wall_seconds: float = 0.0
    jumps: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Told:
    """A story and how it went. `broken` are sentences about broken promises."""

    story: Story
    history: list[Happening] = field(repr=False)
    broken: list[str]


def write(seed: int) -> Story:
    """What is to happen."""
    chance = random.Random(f"story {seed}")
    hosts = tuple("abcde"[: chance.choice((1, 2, 2, 3, 3, 3, 3, 4, 4, 5))])
    times = chance.choice(WINDOWS)
    window = max(times.lease_seconds, times.confirm_seconds)
    lossy = chance.random() < 0.4
    weather = Faults(
        lost_share=chance.choice((0.0, 0.01, 0.03)) if lossy else 0.0,
        late_share=chance.choice((0.0, 0.01, 0.03)) if lossy else 0.0,
        twice_share=chance.choice((0.0, 0.05)) if lossy else 0.0,
        late_seconds=chance.choice((0.5, 5.0, window)),
        slow_seconds=chance.choice((0.02, 0.02, 0.3, 1.5)),
        far=chance.choice(("", "", hosts[0], hosts[-1])),
        far_seconds=chance.choice((0.5, 2.0, times.lease_seconds / 3)),
    )
    length = 3.0 + times.watch_seconds + 12 * max(weather.slow_seconds, weather.far_seconds if weather.far else 0.0)
    kind = chance.choice(("alone", "alone", "at once", "at once", "takes over", "takes over", "takes over", "in turn"))
    acts = tuple(_act(chance, hosts, at, n, window, kind) for n, at in enumerate(_beginnings(chance, kind, length, window)))
    troubles = tuple(_trouble(chance, hosts, length, window) for _ in range(chance.choice((0, 0, 1, 1, 2))))
    jumps = tuple((chance.uniform(0, length), chance.uniform(-5, 5) * YEAR_SECONDS) for _ in range(2))
    return Story(seed, hosts, times, weather, chance.random() < 0.85, acts, troubles, chance.uniform(-9, 9) * YEAR_SECONDS, jumps)


def _beginnings(chance: random.Random, kind: str, length: float, window: float) -> list[float]:
    """When drivers set out: one alone, some at once, one that takes over, some after each other."""
    if kind == "alone":
        return [0.0]
    if kind == "at once":
        return [chance.uniform(0.0, 1.0) for _ in range(chance.choice((2, 2, 3)))]
    if kind == "takes over":
        return [0.0, chance.choice((chance.uniform(0.0, length + 2 * window), chance.uniform(length / 2, length + window / 2)))]
    return [0.0, 1.5 * length, 3.0 * length]


def _act(chance: random.Random, hosts: tuple[str, ...], at: float, number: int, window: float, how: str) -> Act:
    kind = chance.choice(("deploy",) * 8 + ("rollback", "prepare")) if number == 0 else chance.choice(LATER)
    fails = (chance.choice(hosts), chance.choice(STEPS)) if chance.random() < 0.2 else None
    task_seconds = chance.choice((0.1, 0.1, 2.0))
    shape = Shape(kind, fails, chance.random() < 0.5, chance.random() < 0.5, task_seconds)
    struck = chance.choice(("", "dies", "dies", "sleeps", "goes on", "goes on") if number == 0 else ("", "", "dies", "goes on"))
    last = CALLS_OF_A_HOST * len(hosts)
    call = chance.choice((chance.randint(1, last), chance.randint(last // 2, last)))
    if how == "takes over":
        if number == 0:
            struck, call = chance.choice(("dies", "dies", "sleeps")), chance.randint(last // 3, last)
        elif chance.random() < 0.5:
            shape = replace(shape, kind=chance.choice(("resume", "abort")))
    faults = Faults(
        dies_at=call if struck == "dies" else None,
        sleeps_at=call if struck in ("sleeps", "goes on") else None,
        after=chance.random() < 0.5,
        sleep_seconds=0.0 if struck == "goes on" else chance.choice((2.0, 12.0, 40.0, 150.0)),
    )
    troubles = tuple(_trouble(chance, hosts, 0.0, window) for _ in range(chance.choice((0, 1, 1, 2)) if struck else 0))
    return Act(at, shape, faults, troubles)


def _trouble(chance: random.Random, hosts: tuple[str, ...], length: float, window: float) -> Trouble:
    at, host = chance.uniform(0.0, 1.3 * length), chance.choice(hosts)
    seconds = chance.choice((0.5, 5.0, window, 2 * window))
    kinds = ["reboot", "reboot", "daemon", "agents", "agents", "operator", "operator", "deaf", "mute", "disk", "lead"]
    if len(hosts) > 1:
        kinds += ["peers", "peers", "peers", "deaf peer", "lead apart"]
    what = chance.choice(kinds)
    if what in ("lead", "lead apart"):
        host, seconds = hosts[0], chance.choice((2 * window, 4 * window))
    other = chance.choice([name for name in hosts if name != host]) if len(hosts) > 1 else ""
    return Trouble(at, what, host, seconds, other)


def tell(seed: int | Story, planted: Callable[[World], None] = lambda world: None) -> Told:
    """Have the story of a seed happen, from its beginning to its end, and check its history."""
    story = write(seed) if isinstance(seed, int) else seed
    world = World(story.hosts, story.seed)
    planted(world)
    first = standing(story.hosts, story.times) if story.first else None
    with _wall(world, story):
        try:
            simulate(with_daemons(world, _happen(world, story, first)))
        except (Exception, asyncio.CancelledError) as error:
            return Told(story, world.history, [f"the simulation ended with {error!r}"])
    return Told(story, world.history, check(world.history, story.hosts, quiet=True))


async def _happen(world: World, story: Story, first: Standing | None) -> None:
    world.faults = Faults()
    if first is not None:
        await asyncio.sleep(first.seconds)
        first.put_into(world)
    world.faults = story.weather
    befalls = [asyncio.ensure_future(_befall(world, trouble)) for trouble in story.troubles]

    async def play(act: Act, name: str) -> None:
        def strike(world: World) -> None:
            befalls.extend(asyncio.ensure_future(_befall(world, trouble)) for trouble in act.troubles)

        await asyncio.sleep(act.at)
        await deploy(world, world.driver(name, replace(act.faults, at_that_call=strike)), shape=act.shape, times=story.times)

    await asyncio.gather(*(play(act, f"driver {n}") for n, act in enumerate(story.acts, 1)))
    await asyncio.gather(*befalls)
    world.faults = Faults()
    world.heal()
    await asyncio.sleep(story.weather.late_seconds)
    await quiet(world, story.times)
    await deploy(world, world.driver("last"), times=story.times, must="live")
    await asyncio.sleep(1.0)


async def _befall(world: World, trouble: Trouble) -> None:
    await asyncio.sleep(trouble.at)
    host = world.hosts[trouble.host]
    if trouble.what in ("reboot", "lead"):
        if host.up:
            await host.reboot(trouble.seconds)
    elif trouble.what == "daemon":
        if host.supervised:
            host.kill_daemon()
        await asyncio.sleep(trouble.seconds)
        host.supervise()
    elif trouble.what == "agents":
        world.note("agents killed", host.name)
        host.kill_agents()
    elif trouble.what == "disk":
        host.refuse_writes(True)
        await asyncio.sleep(trouble.seconds)
        host.refuse_writes(False)
    else:
        await _cut(world, trouble)


async def _cut(world: World, trouble: Trouble) -> None:
    host = trouble.host
    ways = {
        "operator": [(OPERATOR, host, False)],
        "deaf": [(OPERATOR, host, True)],
        "mute": [(host, OPERATOR, True)],
        "peers": [(host, trouble.other, False)],
        "deaf peer": [(trouble.other, host, True)],
        "lead apart": [(host, name, False) for name in (OPERATOR, *world.hosts) if name != host],
    }[trouble.what]
    for one, other, one_way in ways:
        world.cut(one, other, one_way=one_way)
    await asyncio.sleep(trouble.seconds)
    for one, other, _ in ways:
        world.mend(one, other)


@contextlib.contextmanager
def _wall(world: World, story: Story) -> Iterator[None]:
    """The wall clock of this process is the story's: years off, and it jumps. Nothing that decides may look at it."""
    real = time.time

    def wall() -> float:
        try:
            now = asyncio.get_running_loop().time()
        except RuntimeError:
            return real()
        return 1.8e9 + now + story.wall_seconds + sum(by for at, by in story.jumps if now > 1000.0 + at)

    gc.disable()  # a story leaves little behind, and looking for it takes a fifth of the time
    time.time = wall
    try:
        yield
    finally:
        time.time = real
        gc.enable()


def in_words(story: Story) -> Iterator[str]:
    """The story for people, a line each."""
    times, weather = story.times, story.weather
    yield f"seed {story.seed}: hosts {' '.join(story.hosts)}; lease {times.lease_seconds:g} s, confirm {times.confirm_seconds:g} s"
    far = f", those of {weather.far} up to {weather.far_seconds:g} s" if weather.far else ""
    yield f"  messages take up to {weather.slow_seconds:g} s{far}; lost {weather.lost_share:.0%}, twice {weather.twice_share:.0%}"
    yield f"  late by up to {weather.late_seconds:g} s {weather.late_share:.0%}"
    yield f"  {'something serves already' if story.first else 'nothing serves yet'}"
    for n, act in enumerate(story.acts, 1):
        shape, faults = act.shape, act.faults
        fails = f", in which {shape.fails[1]} fails on {shape.fails[0]}" if shape.fails else ""
        when = "behind" if faults.after else "before"
        struck = f"; dies {when} call {faults.dies_at}" if faults.dies_at else ""
        if faults.sleeps_at:
            struck = f"; sleeps {faults.sleep_seconds:g} s {when} call {faults.sleeps_at}"
        yield f"  {act.at:6.2f} s  driver {n}: {shape.kind}{fails}{struck}"
        for trouble in act.troubles:
            yield f"            at that call: {_misfortune(trouble)}"
    for trouble in story.troubles:
        yield f"  {trouble.at:6.2f} s  {_misfortune(trouble)}"


def _misfortune(trouble: Trouble) -> str:
    other = f" and {trouble.other}" if trouble.what in ("peers", "deaf peer") else ""
    return f"{trouble.what} of {trouble.host}{other}, {trouble.seconds:g} s"

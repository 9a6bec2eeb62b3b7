"""A seed in, a simulated fleet out: hosts, the network between them, drivers, and the history of all that happens.

The decision code is the real one (shipway_agent.decide, shipway_agent.watchdog, shipway.execute). Everything is drawn from one seed. A
history is all that the checker reads.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shipway_agent.decide import Attempt
from shipway_agent.peers import ASK, PATIENCE_SECONDS, Heard
from tests.simulation.driver import Died, Driver, SimulatedChannel
from tests.simulation.history import Happening
from tests.simulation.host import SimulatedHost

__all__ = ["Died", "Driver", "Faults", "Happening", "SimulatedChannel", "SimulatedHost", "World"]

OPERATOR = "operator"
"""A cut from here cuts every driver off."""


def nothing_more(world: World) -> None:
    """What befalls the fleet at a driver's call, unless a story says otherwise."""


@dataclass
class Faults:
    """What goes wrong. `dies_at` is the number of the driver's call; `after` kills it between the effect and the answer.

    `sleeps_at` is a laptop that is closed at that call and opened again later. `at_that_call` happens at the same moment. Of all
    messages, `lost_share` break their channel, before or behind the effect; `late_share` break it and arrive nevertheless, up to
    `late_seconds` later; `twice_share` are handled twice. What goes to `far` or comes from there takes up to `far_seconds`.
    """

    dies_at: int | None = None
    after: bool = False
    sleeps_at: int | None = None
    sleep_seconds: float = 25.0
    at_that_call: Callable[[World], None] = field(default_factory=lambda: nothing_more)
    lost_share: float = 0.0
    late_share: float = 0.0
    twice_share: float = 0.0
    late_seconds: float = 5.0
    slow_seconds: float = 0.05
    far: str = ""
    far_seconds: float = 0.0
    fails: dict[str, str] = field(default_factory=dict)
    step_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def lossy(self) -> bool:
        """Whether any message may not arrive, or not once."""
        return self.lost_share + self.late_share + self.twice_share > 0.0


class World:
    """A fleet, its network and its history, all from one seed. `traced`: what drivers tell is noted too, for people."""

    def __init__(self, names: tuple[str, ...], seed: int = 0, faults: Faults | None = None) -> None:
        self.random = random.Random(seed)
        self.history: list[Happening] = []
        self._faults = faults or Faults()
        self.hosts = {name: SimulatedHost(self, name, self.random.uniform(0, 1e6)) for name in names}
        self.traced = False
        self.data: int | None = None  # the generation for which the one database of the fleet is made
        self.point_is_good = True
        self._loop: asyncio.AbstractEventLoop | None = None
        self._cuts: set[tuple[str, str]] = set()
        self._waiting: list[Callable[[], None]] = []

    @property
    def faults(self) -> Faults:
        """What goes wrong for everybody."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        slowest = max(faults.slow_seconds, faults.far_seconds if faults.far else 0.0)
        self.note("weather", lossy=faults.lossy, there_and_back_seconds=2 * slowest)

    # ------------------------------------------------------------ time, history

    def now(self) -> float:
        """Seconds of simulated time, which no one in it can see."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop.time()

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Have something happen then."""
        asyncio.get_running_loop().call_later(when - self.now(), call)

    def note(self, what: str, host: str = "", /, **data: Any) -> None:
        self.history.append(Happening(self.now(), what, host, data))

    # ------------------------------------------------------------------ network

    def latency(self, host: str = "") -> float:
        """Seconds that a message to this host or from it takes."""
        faults = self._faults
        return self.random.uniform(0.001, faults.far_seconds if host and host == faults.far else faults.slow_seconds)

    def fate(self) -> str:
        """What becomes of one question and its answer: lost, answer lost, late, twice, or nothing bad."""
        faults = self.faults
        if not faults.lossy:
            return ""
        drawn = self.random.random()
        for fate, share in (
            ("lost", faults.lost_share),
            ("answer lost", faults.lost_share),
            ("late", faults.late_share),
            ("twice", faults.twice_share),
        ):
            if drawn < share:
                return fate
            drawn -= share
        return ""

    def carries(self, one: str, other: str) -> bool:
        """Whether what `one` sends reaches `other`. Every name that is no host's is a driver's."""
        if not self._cuts:
            return True
        one, other = (name if name in self.hosts else OPERATOR for name in (one, other))
        return (one, other) not in self._cuts

    def joins(self, one: str, other: str) -> bool:
        """Whether both ways are open."""
        return self.carries(one, other) and self.carries(other, one)

    def is_cut(self, one: str, other: str) -> bool:
        return not self.joins(one, other)

    def cut(self, one: str, other: str, *, one_way: bool = False) -> None:
        """From now on nothing passes between two, or nothing from the first to the second."""
        self._cuts.add((one, other))
        if not one_way:
            self._cuts.add((other, one))
        self.note("cut", one, other=other, one_way=one_way or None)

    def mend(self, one: str, other: str) -> None:
        """Both ways are open again."""
        self._cuts -= {(one, other), (other, one)}
        self.note("mended", one, other=other)
        self._deliver()

    def heal(self) -> None:
        self._cuts.clear()
        self.note("healed")
        self._deliver()

    def when_healed(self, deliver: Callable[[], None]) -> None:
        """What was sent into a cut is sent again by the kernel, and arrives when the way is open; some of it."""
        if self.random.random() < 0.5:
            self._waiting.append(deliver)

    def _deliver(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deliver in waiting:
            self.at(self.now() + self.latency(), deliver)

    def question(
        self, host: SimulatedHost, attempt: Attempt, do: str, to: Sequence[str], least_term: int, heard: Callable[[Heard], None]
    ) -> None:
        """A host's question to others, one after the other until one answers; or that none did within its patience with each."""
        asked, fate = self.hosts[to[0]], self.fate()
        deployment, patience = attempt.deployment, self.now() + PATIENCE_SECONDS
        said: list[Heard] = []

        def arrive() -> None:
            if asked.up and self.carries(host.name, asked.name) and fate != "lost":
                answer = asked.hear(deployment, host.name, do)
                if answer is None:
                    self.at(self.now() + self.latency(host.name), lambda: back(Heard(False, why="it does not take the question")))
                elif fate == "":
                    self.at(self.now() + self.latency(host.name), lambda: back(answer))

        def back(answer: Heard) -> None:
            if self.carries(asked.name, host.name) and self.now() < patience and not said:
                said.append(answer)
                if answer.reached and (do != ASK or answer.term >= least_term):
                    heard(answer)
                else:
                    on()

        def give_up() -> None:
            if not said:
                on()

        def on() -> None:
            if len(to) > 1:
                self.question(host, attempt, do, to[1:], least_term, heard)
            else:
                heard(Heard(False, why="no answer"))

        late = self.random.uniform(0.0, self.faults.late_seconds) if fate == "late" else 0.0
        self.at(self.now() + self.latency(host.name) + late, arrive)
        self.at(patience, give_up)

    # ------------------------------------------------------------------ drivers

    def driver(self, name: str, faults: Faults | None = None) -> Driver:
        return Driver(self, name, faults or self.faults)

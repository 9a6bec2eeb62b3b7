"""A coroutine in, its result out, on a clock that jumps: the deterministic event loop of the simulation.

Only what tasks, futures, timers and `asyncio.wait` need, so that a history of some thousand moments costs milliseconds. There is no
file descriptor, thread or signal; the same coroutine always runs through the same moments in the same order.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START_SECONDS = 1_000.0
LONGEST_SECONDS = 20_000.0
"""No story takes this long: something waits without a bound while clocks tick."""


class Stalled(Exception):
    """Nothing is scheduled and nobody is done: a wait without a bound."""


class SimulatedHandle(asyncio.TimerHandle):
    """A callback that waits for its turn. It has no context variables of its own: nothing here uses any."""

    __slots__ = ("args", "call", "off", "when_seconds")

    def __init__(self, when_seconds: float, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.when_seconds = when_seconds
        self.call = call
        self.args = args
        self.off = False

    def cancel(self) -> None:
        self.off = True
        self.args = ()

    def cancelled(self) -> bool:
        return self.off

    def when(self) -> float:
        return self.when_seconds

    def __repr__(self) -> str:
        return f"<at {self.when_seconds}: {self.call}>"

    def __del__(self) -> None:
        """Nothing is held outside this process."""


_counted = itertools.count()


class _Task(asyncio.Task[Any]):
    """A task whose place in a set is the same in every run: `asyncio.wait` keeps its tasks in sets."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop, name: str) -> None:
        self._number = next(_counted)
        super().__init__(coroutine, loop=loop, name=name)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs what is ready; when nothing is, the clock jumps to the next timer. `faults` are errors that no task was left to hear."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START_SECONDS
        self.faults: list[BaseException] = []
        self._next: deque[SimulatedHandle] = deque()
        self._later: list[tuple[float, int, SimulatedHandle]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> SimulatedHandle:
        handle = SimulatedHandle(self.now, callback, args)
        self._next.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> SimulatedHandle:
        when = self.now + delay if delay > 0.0 else self.now
        handle = SimulatedHandle(when, callback, args)
        heapq.heappush(self._later, (when, next(self._numbers), handle))
        return handle

    def call_at(self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> SimulatedHandle:
        return self.call_later(when - self.now, callback, *args)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: object = None, context: Context | None = None) -> asyncio.Task[Any]:
        return _Task(coro, self, "task")

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            self.faults.append(error)

    def run_until_complete(self, future: Any) -> Any:
        """Run until `future` is done. Raises Stalled when nothing can ever happen any more."""
        events._set_running_loop(self)
        try:
            task = asyncio.ensure_future(future, loop=self)
            ready, timers, until = self._next, self._later, self.now + LONGEST_SECONDS
            while not task.done():
                while ready:
                    handle = ready.popleft()
                    if not handle.off:
                        handle.call(*handle.args)
                if timers:
                    self.now, _, handle = heapq.heappop(timers)
                    if not handle.off:
                        handle.call(*handle.args)
                    if self.now > until:
                        raise Stalled("hours have passed, and somebody still waits")
                elif not ready and not task.done():
                    raise Stalled("every task waits and no timer runs")
            return task.result()
        finally:
            events._set_running_loop(None)


def simulate(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in simulated time; tasks that are left are cancelled. Raises what a task of no one's left behind."""
    loop = SimulatedLoop()
    try:
        result: T = loop.run_until_complete(main)
    finally:
        loop.run_until_complete(_cancel_the_rest())
        loop.close()
    if loop.faults:
        raise loop.faults[0]
    return result


async def _cancel_the_rest() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)

"""An intent in, its hosts with their facts out: logins and a first look, under way while the operator reads its commit.

A login is a dozen round trips that cost the operator nothing but waiting, so it begins with the first moment at which the hosts are known.
On a host that lacks the agent nothing is made before somebody asks for the facts: what is wrong with the commit is refused, and no host
was touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from shipway.execute import ask
from shipway.execute.ask import Facts
from shipway.execute.fleet import Fleet, Outcomes
from shipway.flows.reach import reach
from shipway.model.errors import HostError
from shipway.model.intent import Intent

Arrived = tuple[Outcomes[None], Outcomes[Facts]]


class Approach:
    """The hosts of one flow. The end of the block closes every channel, whether anybody has asked for the facts or not."""

    def __init__(self, tell: Callable[..., None], *, may_leave_out: bool = False, sealed: bool = False) -> None:
        """`tell` hears of each login. With `may_leave_out` an error names --without as a way out. `sealed` facts tell drift as well.

        How a host comes back after a reboot they leave out: that is read under the leases, and costs a host a program to run.
        """
        self._tell = tell
        self.sealed = sealed
        self._may_leave_out = may_leave_out
        self._fleet: Fleet | None = None
        self._arriving: asyncio.Task[Arrived] | None = None
        self._leave = asyncio.Event()

    async def __aenter__(self) -> Approach:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            await asyncio.gather(self._arriving, return_exceptions=True)
        if self._fleet is not None:
            await self._fleet.__aexit__(kind, error, trace)

    def begin(self, intent: Intent) -> Fleet:
        """The fleet, whose logins begin now if they have not yet. To be called in a running loop."""
        if self._fleet is None:
            self._fleet = reach(intent, self._tell, self._leave)
            self._arriving = asyncio.ensure_future(_arrive(self._fleet, self._tell, sealed=self.sealed, brief=True))
        return self._fleet

    async def facts(self) -> dict[str, Facts]:
        """What every host says once it is reached. Raises Refused, naming all that cannot be."""
        assert self._fleet is not None and self._arriving is not None
        self._leave.set()
        opened, looked = await self._arriving
        return await _all_or_none(self._fleet, opened, looked, (), may_leave_out=self._may_leave_out)


async def connect_and_read(
    fleet: Fleet, tell: Callable[..., None], *, may_leave_out: bool = False, lost: tuple[str, ...] = ()
) -> dict[str, Facts]:
    """Open every channel and read every host, told one by one. `lost` are members that are written off and not asked.

    Raises Refused; with `may_leave_out` it names --without as a way out.
    """
    opened, looked = await _arrive(fleet, tell)
    return await _all_or_none(fleet, opened, looked, lost, may_leave_out=may_leave_out)


async def _arrive(fleet: Fleet, tell: Callable[..., None], *, sealed: bool = False, brief: bool = False) -> Arrived:
    """Log in everywhere, and look at each host as soon as it is reached: nobody waits for the slowest login."""
    unopened: dict[str, HostError] = {}

    async def one(name: str) -> Facts:
        try:
            await fleet.open(name, lambda name, seconds: tell("connected", host=name, seconds=seconds))
        except HostError as error:
            unopened[name] = error
            raise
        return await ask.look_at(fleet, name, verify="sealed" if sealed else False, brief=brief)

    looked = await fleet.each(one)
    errors = {name: error for name, error in looked.errors.items() if name not in unopened}
    return Outcomes({}, {name: unopened[name] for name in fleet.names if name in unopened}), Outcomes(looked.answers, errors)


async def _all_or_none(
    fleet: Fleet, opened: Outcomes[None], looked: Outcomes[Facts], lost: tuple[str, ...], *, may_leave_out: bool
) -> dict[str, Facts]:
    if opened.errors:
        from shipway.flows.unheard import unheard  # words for what goes wrong, which a start need not wait for

        raise await unheard(opened.errors, fleet, lost, may_leave_out=may_leave_out)
    if looked.errors:
        from shipway.flows.words_of_failure import unreachable

        raise unreachable(looked.errors, fleet)
    return looked.answers

"""A Plan, leased hosts and blobs in, an Ending out: one deployment as a transaction over the fleet.

Reads as docs/transaction.md: ship, prepare, activate, start, switch, verify, commit; or undo, at any point before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from shipway.execute import ask, barrier, decision, steps
from shipway.execute.afterwards import Afterwards, run_afterwards
from shipway.execute.decision import COMMITTED, Ending
from shipway.execute.fleet import Fleet
from shipway.execute.instant import Pace, at_one_instant
from shipway.execute.lease import Claim
from shipway.execute.ship import Blobs, Delivery
from shipway.execute.steps import Where
from shipway.execute.telling import Tell
from shipway.execute.undo import Undone, undo_tasks
from shipway.execute.uninterrupted import undisturbed
from shipway.model.errors import HostError, HostRefused
from shipway.model.migration import migrated
from shipway.model.plan import Batch, Plan, Step, Wave
from shipway_agent.record import dataclass

T = TypeVar("T")

UNARMED_SECONDS = 10.0
"""How long an undo asks for the lead when no host can have switched: they discard what was prepared by themselves."""

MENDED_BY_SENDING = frozenset({"flipped", "lacking"})
"""Codes of a host that has thrown damaged content away, or has lost it: the next try brings it anew."""

STAYS = ("migrate:expand", "migrate:contract")
"""Keys of the steps whose migrations an undo leaves applied: they are made for both releases, or run behind a commit."""

LOOK = "migrations"
"""The key of the step that sees which are pending."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a plan ended, and what stood in its way: per host the error that broke the barrier `where`.

    `left_alone` are not to be told to let go of their lease: they have, or must let it run out. `migrated` are migrations that ran before
    the switch and that an undo leaves applied; `afterwards` is how what came behind the commit ended, None where nothing was to come.
    """

    ending: Ending | None
    where: str = ""
    errors: Mapping[str, HostError] | None = None
    interrupted: bool = False
    undone_tasks: tuple[str, ...] = ()
    kept_tasks: tuple[str, ...] = ()
    left_alone: frozenset[str] = frozenset()
    migrated: tuple[str, ...] = ()
    afterwards: Afterwards | None = None

    @property
    def live(self) -> bool:
        return self.ending is not None and self.ending.decision == COMMITTED


@dataclass(frozen=True, slots=True)
class _Part:
    """Steps of one host that lead to one barrier."""

    phase: str
    wave: str
    steps: tuple[Step, ...]


class Conduct:
    """One plan on one fleet. The leases are held and renewed by whoever calls."""

    def __init__(
        self,
        fleet: Fleet,
        plan: Plan,
        claim: Claim,
        blobs: Blobs | None,
        tell: Tell,
        *,
        reason: Callable[[Outcome], Mapping[str, object]] | None = None,
        builder: Callable[[], Fleet] | None = None,
    ) -> None:
        """`reason` says for the hosts, in JSON, why an outcome is undone; `builder` is as in Delivery."""
        self._fleet = fleet
        self._plan = plan
        self._claim = claim
        self._shipping = Delivery(fleet, blobs, tell, builder) if blobs is not None else None
        self._tell = tell
        self._reason = reason
        self._where = "begin"
        self._batch: dict[str, Any] = {}
        self._armed = False
        self._at = Where("begin", "begin")
        self._shipped: dict[str, Mapping[str, Any]] = {}
        self._ran: dict[str, list[str]] = {name: [] for name in plan.members}
        self._migrated: list[str] = []
        self._seen: set[str] = set()
        self._pace = Pace(lambda: asyncio.get_running_loop().time())

    async def run(self) -> Outcome:
        """Walk the plan to its decision. Whatever goes wrong before the decision is undone, a cancellation too."""
        try:
            await self._go_forward()
        except barrier.Broken as broken:
            return await self._shielded(self._go_back(broken.errors))
        except asyncio.CancelledError:
            return await self._shielded(self._go_back({}, interrupted=True))
        except Exception:
            await self._shielded(self._go_back({}))
            raise
        if not self._plan.switch:
            return Outcome(None)
        self._fleet.phase = "commit"
        ending = await self._shielded(decision.commit(self._fleet, self._claim, self._tell))
        if ending.decision is None and all(isinstance(error, HostRefused) for error in ending.silent.values()):
            self._where = "commit"  # the lead hears us and cannot commit: it has rebooted, or gone back
            return await self._shielded(self._go_back(ending.silent))
        if ending.decision != COMMITTED:
            return Outcome(ending, "commit", ending.silent, left_alone=self._open(ending))
        wanted = bool(self._plan.after) and (not self._plan.after_if_seen or "contract" in self._seen)
        afterwards = await self._afterwards() if wanted and ending.settled else None
        given_back = await self._shielded(self._finish(all_acknowledged=ending.settled))
        return Outcome(ending, left_alone=given_back, afterwards=afterwards)

    async def _afterwards(self) -> Afterwards:
        """What comes behind the commit. An interruption ends the waiting, and what would have come is said."""
        self._enter("finish", "after")
        return await run_afterwards(self._fleet, self._claim, self._plan, self._tell)

    async def _go_forward(self) -> None:
        await self._ship(self._plan.members)
        if len(self._plan.members) == 1 and not self._plan.batches:
            await self._alone(self._plan.members[0])
            return
        for wave in self._plan.waves:
            if wave.phase != "start":
                await self._wave(wave, self._plan.members)
        switched: tuple[str, ...] = ()
        batches = self._plan.batches or (Batch(self._plan.members),)
        for number, batch in enumerate(batches, 1):
            if self._plan.batches:
                self._batch = {"batch": number, "batches": len(batches), "hosts": list(batch.hosts)}
                if batch.looks or batch.floor:
                    await self._see_others(batch, switched)
            await self._take(batch.hosts, switched if number == len(batches) else ())
            switched += batch.hosts
        self._batch = {}

    async def _take(self, hosts: tuple[str, ...], earlier: tuple[str, ...]) -> None:
        """Take a batch from its candidates to its proof; `earlier` hosts prove once more beside it."""
        for wave in self._plan.waves:
            if wave.phase == "start":
                await self._wave(wave, hosts)
        if self._plan.switch:
            self._armed = True
            await self._all("switch", "switched", at_one_instant(_of(self._plan.switch, hosts), self._pace))
            await self._verify({**{name: self._plan.verify.get(name, ()) for name in hosts}, **_of(self._plan.again, earlier)})

    async def _alone(self, name: str) -> None:
        """A fleet of one host passes each barrier by coming to it: all up to its switch is one exchange, the switch and its proof another.

        Between the two this program must be there: nobody may see a new release whose driver has gone.
        """
        before = [_Part(wave.phase, wave.name, wave.steps[name]) for wave in self._plan.waves if name in wave.steps]
        try:
            await self._through(name, before)
        except barrier.Broken as broken:
            await self._send_again(broken)
            await self._through(name, before)
        if self._plan.switch:
            self._armed = True
            proof = _Part("verify", "verify", self._plan.verify.get(name, ()))
            await self._through(name, [_Part("switch", "switched", self._plan.switch.get(name, ())), proof])

    async def _through(self, name: str, parts: Sequence[_Part]) -> None:
        """Run all parts in one exchange; the first word of a part says that the barrier before it is passed. Raises Broken."""
        if not parts:
            return
        part_of = {step.key: number for number, part in enumerate(parts) for step in part.steps}
        loop = asyncio.get_running_loop()
        at, began = 0, loop.time()
        login: asyncio.Future[None] | None = None

        def enter() -> None:
            nonlocal login
            self._enter(parts[at].phase, parts[at].wave)
            if parts[at].phase == "verify":
                login = asyncio.ensure_future(self._fleet.login(name))

        def come_to(number: int) -> None:
            nonlocal at, began
            while at < number:
                self._tell("barrier", name=parts[at].wave, seconds=loop.time() - began)
                at, began = at + 1, loop.time()
                if at < len(parts):
                    enter()

        def heard(kind: str, /, **data: Any) -> None:
            come_to(part_of.get(str(data.get("key")), 0) if kind == "step" else 0)
            self._tell(kind, **data)

        async def work(_: str) -> None:
            wheres = {key: Where(parts[number].phase, parts[number].wave) for key, number in part_of.items()}
            answers = await self._run(name, tuple(step for part in parts for step in part.steps), heard, wheres)
            come_to(len(parts) - 1)
            if login is not None:
                await login
                self._proved(name, answers)

        enter()
        try:
            await barrier.together(work, (name,))
        finally:
            if login is not None:
                login.cancel()
        come_to(len(parts))

    async def _wave(self, wave: Wave, hosts: tuple[str, ...]) -> None:
        try:
            await self._all(wave.phase, wave.name, _of(wave.steps, hosts))
        except barrier.Broken as broken:
            await self._send_again(broken)
            await self._all(wave.phase, wave.name, _of(wave.steps, hosts))

    async def _see_others(self, batch: Batch, switched: tuple[str, ...]) -> None:
        """Before a batch begins, what was switched must still be well, and enough of the others must serve. Raises Broken."""
        self._enter("start", "others serve")
        loop = asyncio.get_running_loop()
        began = loop.time()
        looked = await self._fleet.each(lambda name: self._run(name, batch.looks[name]), batch.looks)
        sick = {name: error for name, error in looked.errors.items() if name in switched}
        serving = len(batch.looks) - len(looked.errors)
        if sick:
            raise barrier.Broken(sick)
        if serving < batch.floor:
            first = batch.hosts[0]
            why = f"its batch cannot begin: of the hosts outside it {serving} serve, and {batch.floor} must (floor_hosts)"
            raise barrier.Broken({first: HostRefused(first, "floor", why), **looked.errors})
        self._tell("barrier", name="others serve", seconds=loop.time() - began, **self._batch)

    async def _ship(self, hosts: tuple[str, ...]) -> None:
        shipping = self._shipping
        if shipping is not None:
            shipping.expect(hosts)

            async def one(name: str) -> None:
                self._shipped[name] = await shipping.ship(name)

            await self._phase("ship", one, hosts=hosts)

    async def _send_again(self, broken: barrier.Broken) -> None:
        """Content that a host found damaged or gone is sent once more, only that. Anything else that broke a barrier is raised."""
        if self._shipping is None or not all(error.code in MENDED_BY_SENDING for error in broken.errors.values()):
            raise broken
        for name, error in broken.errors.items():
            self._tell("note", host=name, message=error.message)
        await self._ship(tuple(broken.errors))

    async def _verify(self, work: Mapping[str, tuple[Step, ...]]) -> None:
        async def one(name: str) -> None:
            login = asyncio.ensure_future(self._fleet.login(name))
            try:
                answers = await steps.run(self._fleet, name, self._claim, work[name], self._tell, where=self._at)
                await login
            finally:
                login.cancel()
            self._proved(name, answers)

        await self._phase("verify", one, hosts=tuple(work))

    def _proved(self, name: str, answers: Mapping[str, Any]) -> None:
        proof = answers.get("prove") or answers.get("prove:again") or {}
        self._tell("proved", host=name, probes=list(proof.get("probes", ())), downtime_seconds=proof.get("downtime_seconds"))

    async def _all(self, phase: str, name: str, work: Mapping[str, tuple[Step, ...]]) -> None:
        async def one(host: str) -> None:
            await self._run(host, work[host])

        await self._phase(phase, one, hosts=tuple(work), name=name)

    async def _run(
        self, host: str, todo: tuple[Step, ...], heard: Callable[..., None] | None = None, wheres: Mapping[str, Where] = {}
    ) -> dict[str, Any]:
        def tell(kind: str, /, **data: Any) -> None:
            if kind == "step":
                self._pace.heard(host)
            if kind == "step" and data.get("state") in ("started", "done") and data.get("key") not in self._ran[host]:
                self._ran[host].append(str(data["key"]))
            if kind == "step" and data.get("key") == LOOK:
                self._seen |= {str(one["phase"]) for one in (data.get("answer") or {}).get("pending", ())}
            if kind == "step" and data.get("key") in STAYS:
                self._migrated += [name for name in migrated(data) if name not in self._migrated]
            (heard or self._tell)(kind, **data)

        overheard, shipped = _Overheard(self._tell, tell), self._shipped.pop(host, None)
        self._pace.asked(host)
        return await steps.run(self._fleet, host, self._claim, todo, overheard, where=self._at, wheres=wheres, shipped=shipped)

    async def _phase(self, phase: str, work: Callable[[str], Any], hosts: tuple[str, ...] | None = None, name: str | None = None) -> None:
        self._enter(phase, name or phase)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await barrier.together(work, hosts if hosts is not None else self._plan.members)
        self._tell("barrier", name=name or phase, seconds=loop.time() - began, **self._batch)

    def _enter(self, phase: str, wave: str) -> None:
        self._where = wave
        self._fleet.phase = phase
        self._at = Where(phase, wave, self._batch.get("batch", 0))
        self._tell("phase", name=phase, wave=wave, **self._batch)

    async def _go_back(self, errors: Mapping[str, HostError], *, interrupted: bool = False) -> Outcome:
        where = self._where
        self._enter("undo", where)
        bound = self._claim.confirm_seconds if self._armed else UNARMED_SECONDS
        reason = self._reason(Outcome(None, where, errors, interrupted)) if self._reason is not None else None
        ending = await decision.undo(self._fleet, self._claim, self._tell, bound, reason)
        if ending.decision == COMMITTED:
            await self._finish()
            return Outcome(ending, where, errors, interrupted)
        done = await self._undo_tasks()
        return Outcome(ending, where, errors, interrupted, done.undone, done.kept, self._open(ending), tuple(self._migrated))

    def _open(self, ending: Ending) -> frozenset[str]:
        """Hosts that may have switched, and of which nobody knows how they end, ask the lead. One that was told to let go tells nobody."""
        return frozenset(self._fleet.names) if self._armed and ending.decision is None else frozenset()

    async def _undo_tasks(self) -> Undone:
        """Undo what ran, as each host's own journal has it, which may know more than was heard here."""
        hosts = tuple(name for name in self._plan.members if any(w.phase == "activate" and name in w.steps for w in self._plan.waves))
        looked = await ask.look(self._fleet, hosts=hosts)
        done = await undo_tasks(self._fleet, self._claim, self._tell, ask.left_of(looked.answers, self._claim.deployment))
        unread = [f"{key.removeprefix('task:')} on {name}" for name in looked.errors for key in self._ran[name] if self._activated(key)]
        return Undone(done.undone, tuple(sorted((*done.kept, *unread))))

    def _activated(self, key: str) -> bool:
        """Whether a task belongs to what users can see; what prepare does is invisible and needs no undo."""
        return any(
            key == step.key for wave in self._plan.waves if wave.phase == "activate" for todo in wave.steps.values() for step in todo
        )

    async def _finish(self, *, all_acknowledged: bool = False) -> frozenset[str]:
        """Drains, pruning and the end of the lease. The decision stands: nothing here changes the verdict. Who has its lease back."""
        self._enter("finish", "finish")
        hosts, given_back = self._fleet.names, set()
        first = (decision.acknowledged_step(self._claim.deployment, hosts),) if all_acknowledged and len(hosts) > 1 else ()

        async def one(name: str) -> None:
            todo = (*first, *self._plan.finish.get(name, ()))
            answers = await steps.run(self._fleet, name, self._claim, todo, self._tell, decided=True, where=self._at)
            for answer in answers.values():
                for process in answer.get("draining", ()) if isinstance(answer, Mapping) else ():
                    self._tell("draining", host=name, **process)
            if any(step.do == "member" and step.args.get("do") == "finish" for step in todo):
                given_back.add(name)

        for name, error in (await self._fleet.each(one, self._plan.members)).errors.items():
            self._tell("note", host=name, message=f"cleaning up was not finished: {error.message}")
        return frozenset(given_back)

    async def _shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """A decision, and what follows from it, is not interrupted: half of it is what this program exists to prevent."""
        late = "what was decided is being carried out; the interruption waits for it"
        return await undisturbed(work, lambda: self._tell("note", message=late))


def _of(work: Mapping[str, tuple[Step, ...]], hosts: tuple[str, ...]) -> dict[str, tuple[Step, ...]]:
    """What these hosts have to do; hosts without steps are left out."""
    return {host: work[host] for host in hosts if host in work}


class _Overheard(Tell):
    """A Tell that also notes which steps ran."""

    def __init__(self, tell: Tell, listen: Callable[..., None]) -> None:
        self._listen = listen
        self.deployment = tell.deployment

    def __call__(self, kind: str, /, *, host: str = "", **data: Any) -> None:
        self._listen(kind, host=host, **data)

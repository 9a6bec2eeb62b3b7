"""A host of the simulation: messages and time in, its record, its link and its processes out, by the real rules.

The rules are `decide.handle`, `wants` and the Watchdog themselves. What the disk keeps (record, link, steps, generations) outlives a
reboot; what runs does not. Steps are journalled before and after as in shipway_agent.steps, and an agent may be killed between the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shipway.model.errors import HostRefused
from shipway_agent import decide, peers
from shipway_agent.calls import DRIVEN
from shipway_agent.decide import Attempt, Member
from shipway_agent.peers import Heard
from shipway_agent.primitives.member import SERVE_SECONDS
from shipway_agent.states import ARMED, BACK, COMMITTED, DECISIONS, DISCARDED, RESTORING, REVERTED, SWITCHED
from shipway_agent.wants import generations_of, wants
from shipway_agent.watchdog import About, Watchdog

if TYPE_CHECKING:
    from tests.simulation.world import World

Json = Mapping[str, Any]
Emit = Callable[[Json], None]

TURN_SECONDS = 0.25
CLOCK_SECONDS = 1e-6
"""No clock is finer: less than what its sum with the time can hold would never pass."""

CALM_SECONDS = 1.0
FAULT_SECONDS = 1.0
START_SECONDS = 0.3
DRAIN_SECONDS = 0.2
LOOK_AGAIN_SECONDS = 0.1
STEP_SECONDS = 0.1
RESTORE_SECONDS = 0.5
POINT = "main-1"
RENAME_SECONDS = 0.01

QUIET = frozenset({"tick", "renew", "ask"})
SAID = ("deployment", "fence", "term", "seconds", "confirm_seconds", "answer", "lead", "members")
"""What a history tells of a message."""

PROCESSES = [{"name": "web", "listens": "port", "instances": 1, "overlap": True}]


@dataclass
class Row:
    """One step as the journal has it. `runs` while an agent that lives is at it."""

    state: str
    runs: bool = False
    answer: Json = field(default_factory=dict)


@dataclass(eq=False)
class Session:
    """What answers on one channel. `ended` when its stdin has; `killed` when somebody killed it."""

    ended: bool = False
    killed: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    on_kill: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Kept:
    """What a host has on its disk, and what runs there while nothing is being deployed."""

    member: Member
    link: int | None
    rows: dict[tuple[str, str], Row]
    documents: dict[int, Json]
    effects: set[tuple[str, str]]
    acknowledged: dict[str, set[str]]
    running: set[int]
    waiting: bool = False


class SimulatedWatchdog(Watchdog):
    """The real one, whose questions travel over the simulated network."""

    def __init__(self, host: SimulatedHost) -> None:
        super().__init__(host.journal, host.wake)
        self._host = host

    def carry(self, attempt: Attempt, member: Member, about: About, to: Sequence[str]) -> None:
        least_term = about.least_term(member)
        self._host.world.question(self._host, attempt, about.asks, to, least_term, lambda heard: self.heard(about, heard))


@dataclass(frozen=True)
class SimulatedJournal:
    """What the watchdog needs of a journal."""

    host: SimulatedHost

    def member(self) -> Member:
        return self.host.member

    def decide(self, message: Json, now: float) -> dict[str, Any]:
        return self.host.write(message)

    def event(self, kind: str, deployment: str, data: Json) -> int:
        if kind == peers.ACKNOWLEDGED:
            self.host.acknowledge(deployment, data["members"])
        self.host.world.note(kind, self.host.name, deployment=deployment, **data)
        return 0

    def events(self, since: int = 0, deployment: str | None = None, limit: int = 1000, kind: str | None = None) -> list[dict[str, Any]]:
        return [{"data": {"members": sorted(self.host.acknowledged.get(deployment or "", ()))}}] if kind == peers.ACKNOWLEDGED else []


class SimulatedHost:
    """One host: its record, its `current` link, its processes, its daemon, and the calls of an agent's session."""

    def __init__(self, world: World, name: str, clock_offset: float) -> None:
        self.world = world
        self.name = name
        # On disk.
        self.member = Member(name)
        self.link: int | None = None
        self.rows: dict[tuple[str, str], Row] = {}
        self.documents: dict[int, Json] = {}
        self.effects: set[tuple[str, str]] = set()
        self.acknowledged: dict[str, set[str]] = {}
        self.waiting = False
        self.before: dict[str, int | None] = {}  # restore points: what the data was, by deployment
        # In memory.
        self.up = True
        self.supervised = False
        self.disk_refuses = False
        self.running: set[int] = set()
        self.serving: int | None = None
        self.sessions: list[Session] = []
        self.journal = SimulatedJournal(self)
        self._offset = clock_offset
        self._boots = 0
        self._boot_due = False
        self._watchdog = SimulatedWatchdog(self)
        self._timer: asyncio.TimerHandle | None = None
        self._starting: dict[int, asyncio.TimerHandle] = {}
        self._stopping: dict[int, asyncio.TimerHandle] = {}
        self._seen: object = None
        self._lock: asyncio.Future[None] | None = None
        self._orphan_until = 0.0
        self._restoring: asyncio.Task[None] | None = None

    def now(self) -> float:
        """Its own boot clock; hosts do not agree on it."""
        return self.world.now() + self._offset

    # ------------------------------------------------------------- the record

    def write(self, message: Json) -> dict[str, Any]:
        """A message to the record alone, as the journal takes it. Raises HostRefused while the disk takes no writes."""
        self._open()
        before = self.member
        after, reply = decide.handle(before, message, self.now())
        do = message["do"]
        if do in QUIET and after is before:
            return reply if do == "tick" else self._told(message, reply, before)
        if self.disk_refuses:
            raise HostRefused(self.name, "disk-full", "no space is left on the file system")
        if do == "lease" and reply["ok"]:
            busy = [key for key, row in self.rows.items() if row.runs and key[0] != message["deployment"]]
            if busy or self.world.now() < self._orphan_until:
                of, key = busy[0] if busy else ("an earlier one", "task:migrate")
                return self._told(message, {"ok": False, "code": "busy", "deployment": of, "key": key}, before)
        self.member = after
        if after is not before and after != before:
            self._recorded(before, after)
        return self._told(message, reply, before)

    def _recorded(self, before: Member, after: Member) -> None:
        """Tell each decision that is on record from now on, and under which term."""
        known = {(a.deployment, a.stage, a.term) for a in before.attempts}
        for a in after.attempts:
            if a.stage in DECISIONS and (a.deployment, a.stage, a.term) not in known:
                self.world.note("record", self.name, deployment=a.deployment, decision=a.stage, term=a.term)

    def _open(self) -> None:
        """The first to open the journal after a reboot applies the rule *boot*."""
        if not self._boot_due:
            return
        if self.disk_refuses:
            raise HostRefused(self.name, "disk-full", "no space is left on the file system")
        self._boot_due = False
        before = self.member
        self.member, reply = decide.handle(before, {"do": "boot"}, self.now())
        self._told({"do": "boot"}, reply, before)

    def decide(self, message: Json) -> dict[str, Any]:
        """A message to the record; then the link follows the record, as apply does."""
        before = self.member
        reply = self.write(message)
        if self.member is not before:
            self.apply()
            self.wake()
        return reply

    def _told(self, message: Json, reply: dict[str, Any], before: Member) -> dict[str, Any]:
        """Note a message with its answer, and what it moved."""
        after = self.member
        said = {key: message[key] for key in SAID if key in message}
        if after is not before:
            said["changed"] = after != before
            known = {attempt.deployment: attempt for attempt in before.attempts}
            moved = {a.deployment: a.stage for a in after.attempts if (b := known.get(a.deployment)) is None or b.stage != a.stage}
            if moved:
                said["moved"] = moved
        if not reply["ok"]:
            said |= {"code": reply["code"], "holder": reply.get("deployment")}
        decision = message.get("decision", reply.get("decision"))
        self.world.note(message["do"], self.name, **said, ok=reply["ok"], decision=decision, base=reply.get("base"))
        return reply

    def stage(self, deployment: str) -> str:
        """Where this host stands in a deployment; empty when it never heard of it."""
        attempt = self.member.attempt(deployment)
        return attempt.stage if attempt is not None else ""

    def apply(self) -> None:
        """Make the link what the record says, and the door behind it."""
        self._link()
        self._door()

    def _door(self) -> None:
        """Visitors wait while the record holds; then they are let in, once what it names is linked and answers."""
        held = self.member.held
        comes_in = self.link == self.member.current and (self.link is None or self.link in self.running)
        waiting = held.waits or self.waiting if held is not None else self.waiting and not comes_in
        if waiting != self.waiting:
            self.waiting = waiting
            self.world.note("waits" if waiting else "lets in", self.name)

    def _link(self) -> None:
        """Except while an intent is journalled and its rename may be under way.

        The way forward waits while what serves can serve and its successor cannot.
        """
        if any(attempt.stage == ARMED for attempt in self.member.attempts):
            return
        wanted = self.member.current
        if wanted == self.link:
            return
        forward = self.link is not None and wanted is not None and wanted > self.link
        if forward and self.link in self.running and wanted not in self.running:
            return
        self._point(wanted)

    def _point(self, generation: int | None) -> None:
        self.link = generation
        self._serve()

    def _serve(self) -> None:
        """What answers at the front door: the generation of the link, where its process runs."""
        serving = self.link if self.link in self.running else None
        if serving != self.serving:
            self.serving = serving
            self.world.note("serves", self.name, generation=serving)

    # ------------------------------------------------------------- the daemon

    async def live(self) -> None:
        """Have a daemon from now on, until this is cancelled."""
        self.supervise()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._still()

    def supervise(self) -> None:
        """The daemon starts, or is there already."""
        if self.up and not self.supervised:
            self.supervised = True
            self._seen = None
            self._watchdog = SimulatedWatchdog(self)
            self.world.note("daemon starts", self.name)
            self.wake()

    def kill_daemon(self) -> None:
        """Its processes go on. Nobody takes turns until it is started again."""
        self.supervised = False
        self._still()
        self.world.note("daemon killed", self.name)

    def wake(self) -> None:
        """Take a turn at once."""
        self._turn_in(0.0)

    def _turn_in(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._turn) if seconds is not None and self.supervised else None

    def _still(self) -> None:
        for timer in (self._timer, *self._stopping.values()):
            if timer is not None:
                timer.cancel()
        self._timer = None
        self._stopping.clear()

    def _turn(self) -> None:
        """Decide, link, processes; then wait for a message, a process or the time."""
        self._timer = None
        if not self.supervised:
            return
        try:
            self._open()
            self._watchdog.turn(self.member, self.now(), self._serves_what_was_decided)
        except HostRefused:
            self._turn_in(FAULT_SECONDS)
            return
        if self._lock is None:
            self.apply()
        self._put_back()
        seen = (self.member.attempts, self.link, frozenset(self.running))
        if seen != self._seen:
            self._seen = seen
            self._reconcile()
        seconds = self._watchdog.next_turn(self.member, self.now())
        if seconds is not None:
            self._turn_in(max(seconds, CLOCK_SECONDS) if seconds else TURN_SECONDS)
        elif self._watchdog.waits(self.member):
            self._turn_in(CALM_SECONDS)
        if self._restores() is not None:
            self._turn_in(TURN_SECONDS)

    def _restores(self) -> Attempt | None:
        return next((attempt for attempt in self.member.attempts if attempt.stage == RESTORING), None)

    def _put_back(self) -> None:
        """shipway_agent.restoring: a process of its own, one at a time, behind whatever may still change the data."""
        attempt = self._restores()
        busy = attempt is not None and any(row.runs for (of, _), row in self.rows.items() if of == attempt.deployment)
        if attempt is None or busy or self.world.now() < self._orphan_until or self._restoring is not None:
            return
        self._restoring = asyncio.ensure_future(self._restored(attempt.deployment))

    async def _restored(self, deployment: str) -> None:
        try:
            await asyncio.sleep(RESTORE_SECONDS)
            if not self.world.point_is_good:
                self.decide({"do": "unrestored", "deployment": deployment, "why": "it cannot be read"})
                return
            self._change_data(self.before[deployment])
            self.decide({"do": "restored", "deployment": deployment, "point": POINT})
        except HostRefused:
            pass  # the disk takes no writes: the next turn tries again
        finally:
            self._restoring = None

    def _change_data(self, generation: int | None) -> None:
        if self.world.data != generation:
            self.world.data = generation
            self.world.note("data", self.name, generation=generation)

    def _serves_what_was_decided(self, attempt: Attempt) -> bool:
        return self.link == (attempt.target if attempt.stage == COMMITTED else self.member.current)

    def _reconcile(self) -> None:
        """Start what is wanted and does not run; let go what runs and is not wanted, but never what serves at the link."""
        known = {number: self.documents[number] for number in {*generations_of(self.member), *self.running} if number in self.documents}
        wanted = {instance.generation for instance in wants(self.member, known).run}
        loop = asyncio.get_running_loop()
        for number in sorted(wanted - self.running - set(self._starting)):
            self._starting[number] = loop.call_later(START_SECONDS, self._started, number)
        for number in sorted(set(self._stopping) & {*wanted, self.link}):
            self._stopping.pop(number).cancel()
        for number in sorted(set(self._starting) - wanted):
            self._starting.pop(number).cancel()
        for number in sorted(self.running - wanted - {self.link} - set(self._stopping)):
            self._stopping[number] = loop.call_later(DRAIN_SECONDS, self._stopped, number)

    def _started(self, number: int) -> None:
        del self._starting[number]
        self.running.add(number)
        self._serve()
        self.wake()

    def _stopped(self, number: int) -> None:
        del self._stopping[number]
        self.running.discard(number)
        self._serve()

    def hear(self, deployment: str, member: str, do: str) -> Heard | None:
        """A member's question, as the lead's listener answers it; None where nobody listens or the question is nobody's business."""
        attempt = self.member.attempt(deployment)
        if not self.supervised or attempt is None or not (member in attempt.members or attempt.document.get(decide.UNNAMED)):
            return None
        if attempt not in peers.awaited(self.member, lambda of: self.acknowledged.get(of, set())):
            return None
        if do == peers.ACKNOWLEDGE:
            if attempt.stage not in DECISIONS or self.disk_refuses:
                return None
            self.acknowledge(deployment, [member])
            whole = peers.is_whole(attempt, self.acknowledged[deployment] | {attempt.lead})
            return Heard(True, attempt.stage, term=attempt.term, lead=attempt.lead, whole=whole)
        try:
            reply = self.decide({"do": "ask", "deployment": deployment})
        except HostRefused:
            return None
        after = self.member.attempt(deployment)
        return Heard(True, reply["decision"], term=reply["term"], lead=after.lead) if reply["ok"] and after is not None else None

    def acknowledge(self, deployment: str, members: Sequence[str]) -> None:
        """Record that these members serve what was decided."""
        self.acknowledged.setdefault(deployment, set()).update(members)
        self.member = replace(self.member)  # who reads it sees that something was written

    def kept(self) -> Kept:
        """What it has now."""
        return Kept(self.member, self.link, self.rows, self.documents, self.effects, self.acknowledged, self.running, self.waiting)

    def take(self, kept: Kept) -> None:
        """Have the same, and serve what its link points at; the history knows that already."""
        self.member, self.link = kept.member, kept.link
        self.rows = {key: replace(row) for key, row in kept.rows.items()}
        self.documents, self.effects, self.running = dict(kept.documents), set(kept.effects), set(kept.running)
        self.acknowledged = {deployment: set(members) for deployment, members in kept.acknowledged.items()}
        self.serving = self.link if self.link in self.running else None
        self.wake()

    # ------------------------------------------------------------- misfortune

    async def reboot(self, seconds: float) -> None:
        """Everything volatile is gone; the record is read again."""
        self.fall()
        await asyncio.sleep(seconds)
        self.rise()

    def fall(self) -> None:
        """The machine stops."""
        self.up = False
        self.supervised = False
        self._still()
        self.kill_agents()
        for timer in self._starting.values():
            timer.cancel()
        self._starting.clear()
        self.running.clear()
        self._orphan_until = 0.0
        if self._restoring is not None:
            self._restoring.cancel()
        self.world.note("down", self.name)
        self.serving = None

    def rise(self) -> None:
        """The machine starts: its boot clock begins anew, and an init starts the daemon."""
        self.up = self._boot_due = True
        self._boots += 1
        self._offset = -self.world.now() + 7.0
        self.world.note("up", self.name)
        self.supervise()

    def lose_disk(self) -> None:
        """A bare machine stands in its place: the same name and address, and nothing on it."""
        self.member, self.link = Member(self.name), None
        for kept in (self.rows, self.documents, self.effects, self.acknowledged):
            kept.clear()
        self.world.note("bare", self.name)
        self.world.note("serves", self.name, generation=None)

    def refuse_writes(self, refuses: bool) -> None:
        """The disk is full, or has room again."""
        self.disk_refuses = refuses
        self.world.note("disk refuses" if refuses else "disk accepts", self.name)

    def kill_agents(self) -> None:
        """Every session is killed, in the middle of whatever it does."""
        sessions, self.sessions = self.sessions, []
        for session in sessions:
            session.killed = session.ended = True
            for task in session.tasks:
                task.cancel()
            session.on_kill()

    # ---------------------------------------------------------------- sessions

    def answer(self, session: Session, call: str, args: Json, emit: Emit) -> dict[str, Any] | Coroutine[Any, Any, dict[str, Any]]:
        """One call of a session, as docs/contracts.md lists them: its answer, or the work that ends with it. Raises HostRefused."""
        if call != "fresh":
            self._open()
        if call == "decide" and args.get("look"):
            return self._leased(args)
        if call == "decide":
            return self._member_now(args) or self._member(args)
        if call == "run":
            return self._run(session, args, emit)
        if call == "look":
            return self.facts()
        if call == "events":
            mine = [key for deployment, key in self.rows if deployment == args["deployment"]]
            return {"events": [{"kind": "step", "data": {"key": key, "state": "done"}} for key in mine]}
        if call in ("hello", "fresh"):
            return {"host": self.name}
        raise AssertionError(call)

    def facts(self) -> dict[str, Any]:
        member = decide.to_json(self.member)
        return {"member": member, "link": self.link, "generations": self.documents, "busy": [], "left": self._left()}

    def _left(self) -> list[dict[str, Any]]:
        """shipway_agent.leftovers."""
        ran = [(of, key) for of, key in self.rows if key.startswith("task:") and self.stage(of) in (REVERTED, DISCARDED)]
        return [
            {"deployment": of, "number": 0, "task": key.removeprefix("task:"), "state": "done", "undo": False, "timeout_seconds": 0.0}
            for of, key in reversed(ran)
            if (of, f"named:{key}") not in self.rows
        ]

    async def _leased(self, args: Json) -> dict[str, Any]:
        """shipway_agent.calls: what is there comes with the lease."""
        reply = self._member_now(args) or await self._member(args)
        return {**reply, "facts": self.facts()} if reply["ok"] else reply

    def _member_now(self, message: Json) -> dict[str, Any] | None:
        """The same as `_member` where nothing has to be waited for, else None."""
        if message["do"] == "renew":
            return self.write(message)
        if self._lock is not None or message["do"] == "commit" or message.get("decision") == COMMITTED:
            return None
        if message["do"] in DRIVEN:
            self.supervise()
        return self.decide(message)

    async def _member(self, message: Json) -> dict[str, Any]:
        """primitives.member: under the host's lock, with a daemon where one is needed, and a commit only once it is served."""
        if message["do"] in DRIVEN:
            self.supervise()
        await self._unlocked()
        stage = self.stage(str(message.get("deployment")))
        reply = self.decide(message)
        if reply["ok"] and reply.get("decision") == COMMITTED and (stage == BACK or self.link != self.member.current):
            await self._until_served()
        return reply

    async def _until_served(self) -> None:
        until = self.world.now() + SERVE_SECONDS
        while self.link != self.member.current or (self.link is not None and self.link not in self.running):
            if self.world.now() >= until:
                raise HostRefused(self.name, "behind", "it is committed and does not serve here yet")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            self.apply()

    async def _unlocked(self) -> None:
        while self._lock is not None:
            await asyncio.shield(self._lock)

    async def _run(self, session: Session, args: Json, emit: Emit) -> dict[str, Any]:
        """shipway_agent.steps: in order, each journalled before and after, the first that fails ends the list."""
        done: list[dict[str, Any]] = []
        for step in args["steps"]:
            try:
                if session.ended:
                    raise HostRefused(self.name, "ended", "the channel has ended")
                done.append(await self._do(session, args, step, emit))
            except HostRefused as error:
                return {"done": done, "failed": {"key": step["key"], "code": error.code, "message": error.message}}
        return {"done": done, "failed": None}

    async def _do(self, session: Session, args: Json, step: Json, emit: Emit) -> dict[str, Any]:
        key = (args["deployment"], step["key"])
        undoes = (args["deployment"], step["key"].removeprefix("undo:"))
        until = self.world.now() + step["timeout_seconds"]
        if undoes != key:
            await self._ends(undoes, until)
        before = await self._begin(session, key, args, until)
        if before is not None and before.state == "done":
            return {"key": step["key"], "seconds": 0.0, "answer": before.answer, "reused": True}
        row = self.rows[key] = Row("intent", runs=True)
        emit({"event": "step", "key": step["key"], "state": "started"})
        try:
            unknown = before is not None and before.state == "intent"
            answer = await self._step(args, step, unknown=unknown)
        except HostRefused as error:
            row.state, row.runs = ("intent" if error.code == "unknown-outcome" else "failed"), False
            raise
        except asyncio.CancelledError:
            row.runs = False
            raise
        if self.disk_refuses:
            row.runs = False
            raise HostRefused(self.name, "disk-full", "no space is left on the file system")
        row.state, row.runs, row.answer = "done", False, answer
        emit({"event": "step", "key": step["key"], "state": "done", "answer": answer, "seconds": 0.0})
        return {"key": step["key"], "seconds": 0.0, "answer": answer, "reused": False}

    async def _begin(self, session: Session, key: tuple[str, str], args: Json, until: float) -> Row | None:
        while True:
            reply = decide.permits(self.member, args["deployment"], args["fence"], self.now(), decided=args["decided"])
            if not reply["ok"]:
                raise HostRefused(self.name, reply["code"], f"the record refuses: {reply['code']}")
            if self.disk_refuses:
                raise HostRefused(self.name, "disk-full", "no space is left on the file system")
            row = self.rows.get(key)
            if row is None or not row.runs:
                return row
            if self.world.now() >= until or session.ended:
                raise HostRefused(self.name, "busy", "the same step still runs here")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _ends(self, key: tuple[str, str], until: float) -> None:
        while (row := self.rows.get(key)) is not None and row.runs:
            if self.world.now() >= until:
                raise HostRefused(self.name, "busy", "it cannot be undone before it has ended")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    # ------------------------------------------------------------------- steps

    async def _step(self, args: Json, step: Json, *, unknown: bool) -> dict[str, Any]:
        faults = self.world.faults
        seconds = step["args"].get("seconds", faults.step_seconds.get(f"{self.name}:{step['key']}", STEP_SECONDS))
        why = step["args"].get("fails", faults.fails.get(f"{self.name}:{step['key']}"))
        numbers = {"deployment": args["deployment"], "fence": args["fence"], "term": args["term"]}
        do = step["do"]
        if do == "task.run":
            return await self._task(args["deployment"], step, seconds, why, unknown=unknown)
        if do == "migrate":
            return await self._migrate(numbers, seconds)
        if do not in ("member", "prune", "prove"):
            await asyncio.sleep(seconds)
        if why is not None and do != "prove":
            raise HostRefused(self.name, "task-failed", why)
        if do == "member":
            return self._agreed(await self._member({**numbers, **step["args"]}))
        if do == "tree.make":
            self.documents[int(args["fence"])] = {"number": args["fence"], "processes": PROCESSES}
        elif do == "hold":
            self._agreed(self.decide({**numbers, "do": "hold", "seconds": 60, "waits": True}))
        elif do == "process.start":
            await self._start(int(args["fence"]), step["timeout_seconds"])
        elif do == "switch":
            return await self._switch(numbers, sick=f"{self.name}:prove" in faults.fails or bool(step["args"].get("sick")))
        elif do == "prove":
            return await self._prove(args, step, why)
        elif do == "peers.acknowledged":
            self.acknowledge(step["args"].get("deployment", args["deployment"]), list(step["args"]["members"]))
        return {}

    async def _task(self, deployment: str, step: Json, seconds: float, why: str | None, *, unknown: bool) -> dict[str, Any]:
        """A command of the user's. Killed with its agent or not, it runs on to its end; only its check can tell afterwards."""
        key = (deployment, step["key"])
        if unknown:
            await asyncio.sleep(max(0.0, self._orphan_until - self.world.now()))
            if not step["args"].get("check"):
                raise HostRefused(self.name, "unknown-outcome", "it began, and whether it took effect is not known")
            if key in self.effects:
                return {"skipped": True}
        ends = self.world.now() + seconds
        self.world.note("task begins", self.name, key=step["key"], deployment=deployment)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            if self.up and why is None:  # the agent was killed; what it started goes on
                self._orphan_until = ends
                asyncio.get_running_loop().call_at(ends, self._orphan_ends, key, self._boots)
            raise
        if why is not None:
            raise HostRefused(self.name, "task-failed", why)
        self._effect(key)
        return {"skipped": False}

    async def _migrate(self, numbers: Json, seconds: float) -> dict[str, Any]:
        """A held migration: the record is told, then the data changes. What an agent that is killed has begun goes on."""
        self.before.setdefault(numbers["deployment"], self.world.data)
        self._agreed(self.decide({**numbers, "do": "touch", "point": POINT, "bound_seconds": 60.0}))
        ends = self.world.now() + seconds
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            if self.up:
                self._orphan_until = ends
                asyncio.get_running_loop().call_at(ends, self._change_data, numbers["fence"])
            raise
        self._change_data(numbers["fence"])
        return {}

    def _orphan_ends(self, key: tuple[str, str], boots: int) -> None:
        if self._boots == boots and self.up:
            self._effect(key)

    def _effect(self, key: tuple[str, str]) -> None:
        self.effects.add(key)
        self.world.note("task", self.name, deployment=key[0], key=key[1])

    async def _start(self, number: int, timeout_seconds: float) -> None:
        """process.start: have a daemon, and wait until the candidates answer."""
        self.supervise()
        self.wake()
        until = self.world.now() + timeout_seconds
        while number not in self.running:
            attempt = next((a for a in self.member.attempts if a.fence == number), None)
            if attempt is None or attempt.stage in DECISIONS or self.world.now() >= until:
                raise HostRefused(self.name, "settled" if attempt is not None else "unknown", "nobody waits for it any more")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _switch(self, numbers: Json, *, sick: bool) -> dict[str, Any]:
        """primitives.switch: the intent, one rename, the fact, under the host's lock; killed anywhere, it can be done again."""
        await self._unlocked()
        self._lock = asyncio.get_running_loop().create_future()
        try:
            attempt = self.member.attempt(numbers["deployment"])
            if attempt is None or attempt.stage not in (ARMED, SWITCHED):
                self._agreed(self.write({**numbers, "do": "arm"}))
                self.wake()
            await asyncio.sleep(self.world.random.uniform(0.0, RENAME_SECONDS))
            if sick:
                self.world.note("sick", self.name, generation=numbers["fence"])
            self._point(int(numbers["fence"]))
            await asyncio.sleep(self.world.random.uniform(0.0, RENAME_SECONDS))
            attempt = self.member.attempt(numbers["deployment"])
            base = attempt.base if attempt is not None else None
            if attempt is None or attempt.stage != SWITCHED:
                reply = self.write({**numbers, "do": "switched"})
                if not reply["ok"]:
                    self.apply()
                self._agreed(reply)
        finally:
            self._lock.set_result(None)
            self._lock = None
            self.wake()
        return {"base": base, "seconds": 0.0, "at_boot": self.now()}

    async def _prove(self, args: Json, step: Json, why: str | None) -> dict[str, Any]:
        """It serves for as long as it is watched."""
        await asyncio.sleep(step["args"]["watch_seconds"])
        if self.serving != args["fence"]:
            raise HostRefused(self.name, "not-ours", "another generation is current")
        if why is not None:
            raise HostRefused(self.name, "unhealthy", why)
        self.world.note("proved", self.name, deployment=args["deployment"], generation=args["fence"])
        return {"probes": []}

    def _agreed(self, reply: dict[str, Any]) -> dict[str, Any]:
        if not reply["ok"]:
            raise HostRefused(self.name, reply["code"], f"refused: {reply['code']}")
        return reply

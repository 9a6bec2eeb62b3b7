"""A stream of events in, the state of a deployment out: phases, and per host its stage, step, seconds, bytes, probes, last output."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from shipway.model.event import Event
from shipway.model.migration import RUN
from shipway.reports.clean import clean, clean_lines
from shipway.reports.reading import duration, listed, mapped, number, text, whole
from shipway_agent.record import dataclass, field

ENDINGS = ("done", "failed", "skipped")

LAST_LINES = 20
"""Lines of output that are remembered per host, and per step."""

GOES_ON = ("waiting", "output")
"""Events that do not end a host's wait."""


@dataclass(slots=True)
class Phase:
    """A phase or wave that the fleet entered. Times are seconds since the epoch; `ended` is None while it lasts.

    `batch` is the number of the batch that it is for in a rolling deployment; `hosts` are those of the batch.
    """

    name: str
    wave: str
    began: float
    ended: float | None = None
    batch: int | None = None
    hosts: tuple[str, ...] = ()


@dataclass(slots=True)
class Work:
    """One step of a host. `seconds` is the host's own measure where it said one; `error` has code, message, lines and facts."""

    key: str
    title: str
    phase: str
    wave: str
    began: float
    state: str = "started"
    ended: float | None = None
    seconds: float | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    reused: bool = False
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))


@dataclass(slots=True)
class Wait:
    """What a host, or with `host` empty the driver, waited for and for how long at most. It ends with the next thing that is told."""

    host: str
    what: str
    bound_seconds: float | None
    began: float
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Shipped:
    """What reached a host: blobs, bytes of content, bytes on the wire from the operator, and from other hosts by their names."""

    blobs: int = 0
    bytes: int = 0
    sent: int = 0
    seconds: float | None = None
    peers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exchanged:
    """Logins of the driver to a host, and its questions with their answers, by phase."""

    logins: int
    exchanges: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Probe:
    """One question to what serves, and its answer in words."""

    what: str
    ok: bool
    seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Draining:
    """An old process that still finishes, and how long it may."""

    host: str
    name: str
    generation: int | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class TakenPoint:
    """A restore point that was taken right before data could change."""

    data: str
    point: str
    host: str
    rows: int = 0
    bytes: int = 0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RanMigration:
    """A migration that ran, or with `phase` "reverse" was taken back; one that failed is not among them."""

    migration: str
    phase: str
    host: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How the driver said it ended."""

    verdict: str
    exit_code: int | None
    message: str
    hint: str


@dataclass(slots=True)
class HostState:
    """One host. `stage` is a word for people; bytes are of content and on the wire."""

    name: str
    stage: str = "unknown"
    steps: list[Work] = field(default_factory=list)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    probes: list[Probe] = field(default_factory=list)
    connected_seconds: float | None = None
    leased_seconds: float | None = None
    shipped: Shipped | None = None
    exchanged: Exchanged | None = None
    switched_seconds: float | None = None
    switched_at_boot: float | None = None
    downtime_seconds: float | None = None
    decision: str | None = None
    told_at: float | None = None
    went_back: str | None = None
    lost: str | None = None
    waiting: str | None = None

    @property
    def step(self) -> Work | None:
        """The step that runs, None between steps."""
        return self.steps[-1] if self.steps and self.steps[-1].ended is None else None

    @property
    def failure(self) -> Work | None:
        """The first step that failed."""
        return next((work for work in self.steps if work.state == "failed"), None)


@dataclass(slots=True)
class State:
    """A deployment as far as its events tell. Add events in order; reading never changes it. `settled` has deployments and decisions."""

    deployment: str = ""
    began: Mapping[str, Any] = field(default_factory=dict)
    began_at: float | None = None
    ended: Ended | None = None
    ended_at: float | None = None
    last_at: float = 0.0
    phases: list[Phase] = field(default_factory=list)
    hosts: dict[str, HostState] = field(default_factory=dict)
    decision: str | None = None
    decided_at: float | None = None
    waits: list[Wait] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settled: list[tuple[str, str]] = field(default_factory=list)
    draining: list[Draining] = field(default_factory=list)
    points: list[TakenPoint] = field(default_factory=list)
    migrations: list[RanMigration] = field(default_factory=list)
    tried: Mapping[str, Any] = field(default_factory=dict)
    waiting: str | None = None

    @property
    def phase(self) -> Phase | None:
        """The phase that lasts, None before the first and after the last."""
        return self.phases[-1] if self.phases and self.phases[-1].ended is None else None

    @property
    def batches(self) -> list[list[str]]:
        """The hosts of each batch of a rolling deployment; empty where all go together."""
        return [[str(name) for name in batch] for batch in listed(self.began, "batches") if isinstance(batch, list | tuple)]

    def waits_for(self, host: str) -> int | None:
        """The batch that a host waits for while an earlier one is under way; None where it waits for none."""
        now = self.phase.batch if self.phase is not None else None
        own = next((number for number, hosts in enumerate(self.batches, 1) if host in hosts), None)
        return own if now is not None and own is not None and own > now else None

    @property
    def touched(self) -> bool:
        """Whether any host has granted a lease: before that nothing can have changed."""
        return any(host.leased_seconds is not None for host in self.hosts.values())

    def add(self, event: Event) -> None:
        """Take one event in. Unknown kinds and missing data change nothing."""
        # What hosts remember is told after whoever attaches has connected, and happened before.
        self.began_at = event.at if self.began_at is None else min(self.began_at, event.at)
        self.last_at = max(self.last_at, event.at)
        self.deployment = event.deployment or self.deployment
        host = self.hosts.setdefault(event.host, HostState(event.host)) if event.host else None
        if host is not None and event.kind not in GOES_ON:
            host.waiting = None
            _end_wait(self, event.host, event.at)
        take = _TAKE.get(event.kind)
        if take is not None:
            take(self, host, event)


def fold(events: Iterable[Event]) -> State:
    """The state after all events."""
    state = State()
    for event in events:
        state.add(event)
    return state


def _began(state: State, host: HostState | None, event: Event) -> None:
    state.began = dict(event.data)
    for name in listed(event.data, "members"):
        state.hosts.setdefault(str(name), HostState(str(name)))


def _connected(state: State, host: HostState | None, event: Event) -> None:
    if host is not None:
        host.stage, host.connected_seconds, host.lost = "connected", duration(event.data, "seconds"), None


def _leased(state: State, host: HostState | None, event: Event) -> None:
    if host is not None:
        host.stage, host.leased_seconds = "leased", duration(event.data, "seconds") or 0.0


def _phase(state: State, host: HostState | None, event: Event) -> None:
    _end_phase(state, event.at)
    _end_wait(state, "", event.at)
    state.waiting = None
    batch, hosts = whole(event.data, "batch"), tuple(str(name) for name in listed(event.data, "hosts"))
    name = _text(event, "name")
    state.phases.append(Phase(name, _text(event, "wave") or name, event.at, batch=batch, hosts=hosts))


def _barrier(state: State, host: HostState | None, event: Event) -> None:
    _end_phase(state, event.at)


def _shipped(state: State, host: HostState | None, event: Event) -> None:
    if host is not None:
        blobs, content, sent = (max(0, whole(event.data, key) or 0) for key in ("blobs", "bytes", "sent"))
        came = mapped(event.data, "peers")
        peers = {clean(name): max(0, whole(came, name) or 0) for name in sorted(came)}
        host.stage, host.shipped = "shipped", Shipped(blobs, content, sent, duration(event.data, "seconds"), peers)


def _step(state: State, host: HostState | None, event: Event) -> None:
    if host is None:
        return
    key, kind = _text(event, "key"), _text(event, "state")
    work = next((w for w in reversed(host.steps) if w.key == key and w.ended is None), None)
    if work is None:
        phase = state.phases[-1] if state.phases else Phase("begin", "begin", event.at)
        work = Work(key, _text(event, "title") or key, phase.name, phase.wave, event.at)
        host.steps.append(work)
    host.stage = work.phase
    if kind not in ENDINGS:
        return
    work.state, work.ended = kind, event.at
    work.seconds, work.reused = duration(event.data, "seconds"), bool(event.data.get("reused"))
    work.answer = mapped(event.data, "answer")
    if work.seconds is not None and work.began == work.ended:
        work.began = work.ended - work.seconds
    if kind == "failed":
        host.stage, work.error = "failed", _error(event.data)
    _learn(host, work)
    if work.state == "done" and key.startswith("point:"):
        rows, size = (max(0, whole(work.answer, one) or 0) for one in ("rows", "bytes"))
        state.points.append(TakenPoint(key.split(":")[1], text(work.answer, "point"), host.name, rows, size, work.seconds))
    if key.startswith(RUN):
        state.migrations += _ran(host.name, key.removeprefix(RUN), work)


def _ran(host: str, phase: str, work: Work) -> list[RanMigration]:
    """What a step ran of a phase, those before one that failed as well."""
    said = work.answer or mapped(work.error or {}, "facts")
    rows = [*listed(said, "ran"), *listed(said, "reversed")]
    pairs = [row for row in rows if isinstance(row, list | tuple) and len(row) == 2]
    return [RanMigration(clean(name), phase, host, seconds if isinstance(seconds, int | float) else None) for name, seconds in pairs]


def _learn(host: HostState, work: Work) -> None:
    """What the answers of some steps say about the host."""
    facts = work.error.get("facts", {}) if work.error else {}
    host.probes = _probes(work.answer) or _probes(facts) or host.probes
    for said in (work.answer, facts):
        _was_down(host, said)
    if work.state == "done":
        host.stage = _STAGES.get(work.key, host.stage)


def _was_down(host: HostState, said: Mapping[str, Any]) -> None:
    """What was measured until the decision was followed is the whole; what was measured until the proof, a part of it."""
    downtime = duration(said, "downtime_seconds")
    if downtime is not None:
        host.downtime_seconds = max(host.downtime_seconds or 0.0, downtime)


def _output(state: State, host: HostState | None, event: Event) -> None:
    if host is None:
        return
    lines = [line for line in clean_lines(event.data.get("line", "")) if line]
    host.lines.extend(lines)
    key = _text(event, "key")
    work = next((work for work in reversed(host.steps) if work.key == key), None)
    if work is not None:
        work.lines.extend(lines)


def _switched(state: State, host: HostState | None, event: Event) -> None:
    if host is not None:
        host.stage = "switched"
        host.switched_seconds, host.switched_at_boot = duration(event.data, "seconds"), number(event.data, "at_boot")


def _proved(state: State, host: HostState | None, event: Event) -> None:
    if host is not None:
        host.stage = "proved"
        host.probes = _probes(event.data) or host.probes
        _was_down(host, event.data)


def _decided(state: State, host: HostState | None, event: Event) -> None:
    state.decision = _decision(event) or state.decision
    state.decided_at = event.at if state.decided_at is None else state.decided_at


def _told(state: State, host: HostState | None, event: Event) -> None:
    if host is not None:
        host.decision, host.told_at = _decision(event), event.at
        _was_down(host, event.data)
        host.stage = host.decision or host.stage


def _went_back(state: State, host: HostState | None, event: Event) -> None:
    if host is not None:
        host.stage, host.went_back = "went back", _text(event, "reason")


def _lost(state: State, host: HostState | None, event: Event) -> None:
    if host is not None:
        host.stage, host.lost = "lost", _text(event, "reason")


def _waiting(state: State, host: HostState | None, event: Event) -> None:
    _end_wait(state, event.host, event.at)
    state.waits.append(Wait(event.host, _text(event, "what"), duration(event.data, "bound_seconds"), event.at))
    if host is not None:
        host.waiting = _text(event, "what")
    else:
        state.waiting = _text(event, "what")


def _draining(state: State, host: HostState | None, event: Event) -> None:
    instance = whole(event.data, "instance")
    name = text(event.data, "name") + (f".{instance}" if instance is not None else "")
    state.draining.append(Draining(event.host, name, whole(event.data, "generation"), duration(event.data, "seconds_left")))


def _exchanged(state: State, host: HostState | None, event: Event) -> None:
    if host is not None:
        said = mapped(event.data, "exchanges")
        host.exchanged = Exchanged(whole(event.data, "logins") or 0, {clean(phase): whole(said, phase) or 0 for phase in said})


def _settled(state: State, host: HostState | None, event: Event) -> None:
    other = _text(event, "deployment_settled") or _text(event, "deployment")
    state.settled.append((other, _text(event, "decision")))


def _note(state: State, host: HostState | None, event: Event) -> None:
    state.notes.append(f"{event.host}: {_text(event, 'message')}" if event.host else _text(event, "message"))


def _ended(state: State, host: HostState | None, event: Event) -> None:
    _end_phase(state, event.at)
    _end_wait(state, "", event.at)
    state.ended = Ended(_text(event, "verdict"), whole(event.data, "exit_code"), _text(event, "message"), _text(event, "hint"))
    state.ended_at, state.waiting = event.at, None
    state.tried = state.began or {key: _text(event, key) for key in ("kind", "environment", "who") if key in event.data}


_TAKE = {
    "began": _began,
    "connected": _connected,
    "leased": _leased,
    "phase": _phase,
    "barrier": _barrier,
    "shipped": _shipped,
    "step": _step,
    "output": _output,
    "switched": _switched,
    "proved": _proved,
    "decided": _decided,
    "told": _told,
    "went back": _went_back,
    "lost": _lost,
    "waiting": _waiting,
    "exchanged": _exchanged,
    "draining": _draining,
    "settled": _settled,
    "note": _note,
    "ended": _ended,
}

_STAGES = {"member:vote": "prepared", "member:ready": "ready", "switch": "switched", "prove": "proved", "prove:again": "proved"}


def _end_phase(state: State, at: float) -> None:
    if state.phases and state.phases[-1].ended is None:
        state.phases[-1].ended = at


def _end_wait(state: State, host: str, at: float) -> None:
    for wait in reversed(state.waits):
        if wait.host == host:
            wait.ended = at if wait.ended is None else wait.ended
            return


def _error(data: Mapping[str, Any]) -> dict[str, Any]:
    """A failure in one shape, whether the agent sent an object or its fields."""
    error = data.get("error")
    said: Mapping[str, Any] = error if isinstance(error, Mapping) else data
    return {
        "code": text(said, "code") or "failed",
        "message": clean(error) if isinstance(error, str) else text(said, "message") or "failed",
        "lines": [clean(line) for line in listed(said, "lines")],
        "facts": mapped(said, "facts"),
    }


def _probes(data: Mapping[str, Any]) -> list[Probe]:
    return [
        Probe(text(probe, "what"), probe.get("ok") is True, duration(probe, "seconds"), text(probe, "detail"))
        for probe in listed(data, "probes")
        if isinstance(probe, Mapping)
    ]


def _decision(event: Event) -> str | None:
    said = _text(event, "decision")
    return said if said in ("committed", "reverted") else None


def _text(event: Event, key: str) -> str:
    return text(event.data, key)

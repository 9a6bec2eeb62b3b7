"""What serves in, proof of it out: whose listener the proxy dials, that it stays healthy, and that the front door answers with it."""

from __future__ import annotations

import time

from shipway_agent import front, group, logs, ownership, probes, visitor
from shipway_agent.apply import pointed, poke
from shipway_agent.at_once import all_at_once
from shipway_agent.caddy import token
from shipway_agent.errors import AgentError
from shipway_agent.front_door import FrontDoor
from shipway_agent.journal import Journal, ProcessRow
from shipway_agent.primitives import Context, generations
from shipway_agent.record import dataclass
from shipway_agent.root import Root
from shipway_agent.typed import Any, Callable, Collection, Dict, List, Mapping, Optional, Tuple
from shipway_agent.wants import TAKES

EVERY_SECONDS = 0.25
NOTED_SECONDS = 1.0
LOOK_SECONDS = 0.05
TAKE_OVER_SECONDS = 15.0
"""How long a running copy may take to get the name of the generation that takes it over."""

LAST_LINES = 20

Probe = Dict[str, Any]


def prove(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Prove that the current generation serves, and watch it: {"probes": [{what, ok, seconds, detail}], "downtime_seconds"}.

    Once: the listener at every address the proxy may dial belongs to a process of this generation, and the front door answers every
    page with this release from one of these addresses. For `watch_seconds`, every 0.25 s: every copy is healthy at its address, is
    alive and was not started anew, and the front door answers its first page. One look that finds otherwise fails the proof.
    `downtime_seconds` is what the visitor measured from before the switch until now (visitor.py), null without a front door.
    With `judge`, only copies of the processes that it names are looked at: what was taken over as it was is not judged. `workers` is false
    where they rest until the decision.
    Raises AgentError with `probes`, `downtime_seconds` and the last lines of the process concerned: not-current, not-ours, died,
    unhealthy, front-door.
    """
    asks = visitor.begin(context, args)
    try:
        probes_made = _prove(context, args)
    except AgentError as error:
        raise AgentError(error.code, error.message, error.lines, **{**error.facts, "downtime_seconds": _so_far(asks)}) from error
    return {"probes": probes_made, "downtime_seconds": _so_far(asks)}


def serves(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """One look at what is current, whichever deployment made it: {"generation", "probes"}. Its workers do not count.

    Every listener is this generation's own and healthy, and the front door answers the pages with its release. Raises AgentError as
    `prove` does; not-current where nothing is.
    """
    number, whole = _current(context, whichever=True)
    document = _listening(whole)
    probes_made: List[Probe] = []
    proof = _Proof(context, number, document, _rows(context.journal, number, document), probes_made)
    door = _door(context, document, proof.addresses, args.get("front"))
    proof.owned()
    proof.watched(0.0, door, list(args.get("pages") or []))
    return {"generation": number, "probes": probes_made}


def _prove(context: Context, args: Mapping[str, Any]) -> List[Probe]:
    number, whole = _current(context)
    document = _judged(whole if args.get("workers", True) else _listening(whole), args.get("judge"))
    rows = _taken_over(context, number, document) if document.get(TAKES) else _rows(context.journal, number, document)
    probes_made: List[Probe] = []
    proof = _Proof(context, number, document, rows, probes_made)
    pages = list(args.get("pages") or [])
    door = _door(context, document, proof.addresses, args.get("front"))
    proof.owned()
    if door is not None:
        for page in pages:
            proof.answers(door, page)
    proof.watched(float(args["watch_seconds"]), door, pages[:1])
    proof.owned()
    return probes_made


def _so_far(asks: Optional[visitor.Visitor]) -> Optional[float]:
    return None if asks is None else asks.seconds()


@dataclass
class _Proof:
    """One proof under way. `probes` grows; a failure carries what was seen until then."""

    context: Context
    number: int
    document: Mapping[str, Any]
    rows: Tuple[ProcessRow, ...]
    probes: List[Probe]

    @property
    def addresses(self) -> List[str]:
        return list(dict.fromkeys(row.address for row in self.rows if row.address))

    def owned(self) -> None:
        """Every slot of every process that listens holds the address of a copy, and that copy itself listens there."""
        names = [name for process in self.document["processes"] if process["instances"] for name in generations.slots_of(process["name"])]
        written = generations.read_slots(self.context.root, self.number)
        slots = {written[name] for name in names if name in written}
        families = group.members_of(_instance(self.context.root, row) for row in self.rows)
        for row in self.rows:
            if row.address is None:
                continue
            began = time.monotonic()
            owner = ownership.owner(row.address, group.pids(families[_instance(self.context.root, row).marker]))
            self.note(f"{_name(row)} owns its address", "not-ours", None if owner.ours else owner.detail, began, owner.detail, row)
        strangers = sorted(slots - set(self.addresses))
        if strangers:
            self.note(
                "slots", "not-ours", f"{', '.join(strangers)} in the slots of generation {self.number} belong to no copy", time.monotonic()
            )

    def answers(self, door: FrontDoor, page: Mapping[str, Any]) -> None:
        """The front door answers a page, with this release, from an address of this generation."""
        began = time.monotonic()
        answer = door.ask(page)
        self.note(f"front door {page['path']}", "front-door", door.fault(answer, page), began, answer.seen())

    def watched(self, seconds: float, door: Optional[FrontDoor], pages: List[Mapping[str, Any]]) -> None:
        """Look again and again until `seconds` have passed."""
        began = time.monotonic()
        asked: List[Callable[[], Optional[AgentError]]] = [_asking(self, row) for row in self.rows]
        asked += [_asking_door(door, page) for page in pages if door is not None]
        looks = 0
        while True:
            look = time.monotonic()
            found = [error for error in all_at_once(asked) if error is not None]
            looks += 1
            if found:
                raise self.failed(self.with_exit(found[0]), f"watched for {look - began:.2f} s", look)
            left = began + seconds - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(left, max(0.0, look + EVERY_SECONDS - time.monotonic())))
        self.note(f"healthy for {seconds:g} s", "unhealthy", None, began, f"{looks} looks at {len(asked)} things")

    def with_exit(self, error: AgentError) -> AgentError:
        """Of a copy that died, how: as soon as the supervisor has noted it."""
        row = next((row for row in self.rows if error.code == "died" and _name(row) == error.facts["copy"]), None)
        until = time.monotonic() + NOTED_SECONDS
        while row is not None and time.monotonic() < until:
            now = self.context.journal.process(row.generation, row.name, row.instance)
            if now is None or now.pid != row.pid:
                code = now.exit if now is not None else None
                said = f"{error.message} (exit {code})" if code is not None else error.message
                return AgentError(error.code, said, last_lines(self.context.root, row), **{**error.facts, "exit": code})
            time.sleep(0.02)
        return error

    def note(self, what: str, code: str, wrong: Optional[str], began: float, seen: str = "", row: Optional[ProcessRow] = None) -> None:
        """Keep a probe; raise when it says that something is wrong."""
        if wrong is not None:
            raise self.failed(
                AgentError(code, f"{what}: {wrong}", last_lines(self.context.root, row) if row is not None else ()), what, began
            )
        self.probes.append({"what": what, "ok": True, "seconds": round(time.monotonic() - began, 4), "detail": seen})

    def failed(self, error: AgentError, what: str, began: float) -> AgentError:
        """The error with all probes so far, its own last."""
        own = {"what": what, "ok": False, "seconds": round(time.monotonic() - began, 4), "detail": error.message}
        return AgentError(
            error.code, error.message, error.lines, **{**error.facts, "generation": self.number, "probes": [*self.probes, own]}
        )


def last_lines(root: Root, row: ProcessRow) -> List[str]:
    """What a copy wrote last."""
    with root.at(logs.FOLDER, create=True, mode=0o700) as folder:
        return logs.last(folder, logs.log_of(row.name, row.instance, row.generation), LAST_LINES)


def _current(context: Context, *, whichever: bool = False) -> Tuple[int, Mapping[str, Any]]:
    """The generation that serves; the one that this deployment made, unless `whichever`."""
    number = context.journal.member().current
    attempt = None if whichever else context.journal.member().attempt(context.deployment)
    if number is None or (attempt is not None and attempt.target != number) or pointed(context.root) != number:
        link = pointed(context.root)
        message = f"the record says generation {number} serves, `current` points at {link}"
        raise AgentError("not-current", message if attempt is None else f"{message}, and this deployment made {attempt.target}")
    document = generations.read(context.root, number)
    if document is None:
        raise AgentError("no-generation", f"generation {number} is recorded as current and is not on disk", generation=number)
    return number, document


def _listening(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document with only those processes that listen."""
    return {**document, "processes": [process for process in document["processes"] if process["listens"]]}


def _judged(document: Mapping[str, Any], names: Optional[Collection[str]]) -> Mapping[str, Any]:
    """The document with only those processes that are looked at."""
    if names is None:
        return document
    return {**document, "processes": [process for process in document["processes"] if process["name"] in names]}


def _taken_over(context: Context, number: int, document: Mapping[str, Any]) -> Tuple[ProcessRow, ...]:
    """The same, once the supervisor has given running copies the name of their new generation; it does at the switch, in its next turn."""
    until = time.monotonic() + min(TAKE_OVER_SECONDS, context.left(time.monotonic()))
    while True:
        there = {(row.name, row.instance) for row in context.journal.processes(number)}
        wanted = {(p["name"], i) for p in document["processes"] if p["name"] in document[TAKES] for i in range(1, int(p["instances"]) + 1)}
        if wanted <= there or time.monotonic() >= until:
            return _rows(context.journal, number, document)
        poke(context.root)
        time.sleep(LOOK_SECONDS)


def _rows(journal: Journal, number: int, document: Mapping[str, Any]) -> Tuple[ProcessRow, ...]:
    """The rows of all copies that the generation asks for."""
    found = {(row.name, row.instance): row for row in journal.processes(number)}
    rows = []
    for process in document["processes"]:
        for instance in range(1, int(process["instances"]) + 1):
            row = found.get((process["name"], instance))
            if row is None or row.pid is None or row.state in ("crashed", "gone"):
                state = "does not run" if row is None else f"is {row.state}" + (f", exit {row.exit}" if row.exit is not None else "")
                raise AgentError("died", f"{process['name']}.{instance} of generation {number} {state}", generation=number)
            rows.append(row)
    return tuple(rows)


def _door(context: Context, document: Mapping[str, Any], addresses: List[str], wanted: Optional[Mapping[str, Any]]) -> Optional[FrontDoor]:
    if wanted is None:
        return None
    routed = front.routed(document)  # of those that are judged: where it is none of them, only a page for everybody is asked
    with Root(context.proxy) as proxy:
        secret = token.read(proxy)
    own = frozenset(addresses) if routed is not None else frozenset()
    return FrontDoor(str(wanted["listen"]), str(wanted.get("host") or ""), secret, str(document["release"]), own)


def _asking(proof: _Proof, row: ProcessRow) -> Callable[[], Optional[AgentError]]:
    """A look at one copy: alive, the same start of it, and healthy where it listens."""
    process = next(one for one in proof.document["processes"] if one["name"] == row.name)

    def died() -> Optional[AgentError]:
        if group.alive(row.pid, row.pid_start):
            return None
        return AgentError("died", f"{_name(row)} died after it had been healthy", last_lines(proof.context.root, row), copy=_name(row))

    def look() -> Optional[AgentError]:
        fault = probes.healthy(row.address, process["health"]) if row.address is not None else None
        # A copy that died gives no good answer either, and that is the lesser part of the story.
        if died() is not None or fault is None:
            return died()
        return AgentError("unhealthy", f"{_name(row)} at {row.address}: {fault}", last_lines(proof.context.root, row), copy=_name(row))

    return look


def _asking_door(door: FrontDoor, page: Mapping[str, Any]) -> Callable[[], Optional[AgentError]]:
    def look() -> Optional[AgentError]:
        fault = door.fault(door.ask(page), page)
        return None if fault is None else AgentError("front-door", f"front door {page['path']}: {fault}", page=page["path"])

    return look


def _instance(root: Root, row: ProcessRow) -> group.Instance:
    return group.Instance(row.marker(root.digest), row.pid, row.pid_start)


def _name(row: ProcessRow) -> str:
    return f"{row.name}.{row.instance}"

"""A generation in; its listeners started and proved healthy at the very address the proxy will dial, its workers settled, what drains, out.

The daemon does it; these primitives tell it, wait, and say what went wrong with the words and the last lines of the process itself.
"""

from __future__ import annotations

import time

from shipway_agent import clock, front, group, logs, ownership, probes, visitor
from shipway_agent.apply import poke
from shipway_agent.errors import AgentError
from shipway_agent.group import Instance
from shipway_agent.hold import wait_seconds
from shipway_agent.journal import Journal, ProcessRow
from shipway_agent.primitives import Context, generations
from shipway_agent.record import dataclass, field
from shipway_agent.root import Root
from shipway_agent.supervisor import ask, ensure
from shipway_agent.typed import Any, Dict, List, Mapping, Optional, Sequence, Tuple
from shipway_agent.wants import SOURCE, generations_of, runs_as, wants
from shipway_agent.wants import Instance as Copy

LOOK_SECONDS = 0.01
PORT_TRIES = 3
"""Starts of a copy that may fail because another process was faster at its port; each start chooses another one."""

LAST_LINES = 20
DEFAULT_HEALTH_SECONDS = 60.0

Key = Tuple[str, int]


def start(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Have every listener of `generation` run, healthy, with its slots written. Answers {"addresses": {process: [..]}, "seconds"}.

    What it takes over from the generation that serves goes on where it is, and only has to be well if `judge` names its process (without
    `judge` all are judged). What nothing runs of, for it is stopped, keeps the addresses that requests on their way still go to.
    With `pages` and `front`, as in `switch`, a visitor asks there meanwhile, and has had its first answer: no switch waits for a page.
    Raises AgentError: `died` (facts exit; its last lines), `unhealthy` (facts answer; its last lines), `port` where another process holds
    the port or answers in its place, `settled` when the deployment is decided meanwhile, `order` where the record does not let the
    generation run, `no-generation`, `supervisor`.
    """
    began = time.monotonic()
    number = int(args["generation"])
    document = _document(context, number)
    member = context.journal.member()
    documents = generations.documents(context.root, {number, *generations_of(member)})
    judged = _judged(document, args, listens=True)
    listeners = {Copy(number, p["name"], i): p for p in judged for i in range(1, p["instances"] + 1)}
    known = {copy: runs_as(copy, member, documents) for copy in listeners}
    may_run = {copy.generation for copy in wants(member, documents).run}
    if number not in may_run and any(copy == now for copy, now in known.items()):
        raise AgentError("order", f"generation {number} is not to run yet: this host has not been told that candidates may start")
    asks = visitor.ahead(context, args)
    waits = [_Wait(context, now.generation, (now.process, now.instance), listeners[copy], began) for copy, now in known.items()]
    ensure(context.root, proxy_path=context.proxy)
    poke(context.root, {"generation": number})
    ensure(context.root, proxy_path=context.proxy)  # answered after a turn: what had crashed is being started again
    _wait_for_all(context, waits)
    addresses = {p["name"]: [w.address for w in waits if w.key[0] == p["name"]] for p in judged if p["instances"]}
    _check_slots(context, number, addresses)
    _keep_slots(context, number, document, [p["name"] for p in document["processes"] if p["listens"] and p["name"] not in addresses])
    front.lay(context.root, number, document, wait_seconds(context.journal.member()))  # nothing of it is left to do when the fleet switches
    if asks is not None:
        asks.wait()
    return {"addresses": addresses, "seconds": round(time.monotonic() - began, 3)}


def settled(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Wait until the workers of `generation` run, and those of others that may not overlap them are gone. Answers {"workers": [names]}.

    With `judge`, only those that it names.

    Raises AgentError `died`, or `waiting` when the time is over, naming what is waited for.
    """
    number = int(args["generation"])
    document = _document(context, number)
    workers = _judged(document, args, listens=False)
    offsets = {(p["name"], i): _log_size(context, number, (p["name"], i)) for p in workers for i in range(1, p["instances"] + 1)}
    ensure(context.root, proxy_path=context.proxy)
    poke(context.root, {"generation": number})
    seen = -1
    missing: List[str] = []
    while True:
        version = context.journal.changes()
        if version != seen:  # most looks find that nobody has written
            seen, missing = version, [what for p in workers for what in _missing(context, number, p, offsets)]
            if not missing:
                return {"workers": [p["name"] for p in workers]}
        if context.left(time.monotonic()) <= 0:
            raise AgentError("waiting", f"not settled in time: {'; '.join(missing)}", missing=missing)
        time.sleep(LOOK_SECONDS)


def draining(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """What still finishes its work: {"draining": [{"generation", "name", "instance", "state", "seconds_left"}]}. Does not wait for it."""
    ask(context.root, {"hello": True})  # answered after a turn, so that what is to end is marked
    return {"draining": still_finishing(context.root, context.journal)}


def still_finishing(root: Root, journal: Journal) -> List[Dict[str, Any]]:
    """Copies that were told to end and have not: {"generation", "name", "instance", "state", "seconds_left"} of each."""
    found = []
    for row in journal.processes():
        if row.state not in ("draining", "stopping"):
            continue
        document = generations.read(root, row.generation) or {"processes": []}
        bound = next((float(p["drain_seconds"]) for p in document["processes"] if p["name"] == row.name), 30.0)
        left = max(0.0, bound - max(0.0, clock.wall_now() - row.since))
        found.append(
            {"generation": row.generation, "name": row.name, "instance": row.instance, "state": row.state, "seconds_left": round(left, 1)}
        )
    return found


@dataclass
class _Wait:
    """One listening copy on its way up."""

    context: Context
    number: int
    key: Key
    process: Mapping[str, Any]
    began: float
    address: str = ""
    offset: int = 0
    past: Optional[str] = None
    tokens: List[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.offset = _log_size(self.context, self.number, self.key)
        row = self._row()
        if row is not None and (row.pid is not None or row.exit is not None) and not group.alive(row.pid, row.pid_start):
            self.past = row.token  # an earlier try; its death is not ours. One without pid and exit is being started at this moment

    def is_over(self) -> bool:
        """Whether it is healthy. Raises AgentError when it will not be."""
        row = self._row()
        if row is None or (row.token == self.past and row.state != "crashed"):
            self._check_time(row)
            return False
        if row.token not in self.tokens:
            self.tokens.append(row.token)
        rests = row.pid is None and row.boot is not None  # it had begun in this boot; one that is just being started has neither yet
        if row.state == "crashed" or rests or len(self.tokens) > 1:
            self._died(row)
        if row.state == "up" and row.healthy and row.address is not None:
            self._check_owner(row, row.address)
            self.address = row.address
            return True
        self._check_time(row)
        return False

    def _died(self, row: ProcessRow) -> None:
        """It has died, and perhaps runs again by now. Another process at its port is bad luck that the next start mends."""
        stranger = ownership.holder_of(row.address) if row.address is not None else None
        family = group.pids(group.members(self._instance(row)))
        if stranger is not None and stranger not in family:
            if row.state != "crashed" and row.restarts < PORT_TRIES:
                return
            raise AgentError("port", f"{self.name()} cannot have {row.address}: {_named(stranger)} holds it", self._lines(), pid=stranger)
        if row.state != "crashed" and len(self.tokens) > 1 and self._clashed():
            return
        ended = "was ended by signal " + str(-row.exit) if row.exit is not None and row.exit < 0 else f"ended with {row.exit}"
        seconds = time.monotonic() - self.began
        raise AgentError(
            "died", f"{self.name()} {ended} within {seconds:.1f} s of its start", self._lines(), exit=row.exit, process=self.key[0]
        )

    def _clashed(self) -> bool:
        """Whether its last words are those of a port that was taken a moment ago."""
        return len(self.tokens) <= PORT_TRIES and any("ddress already in use" in line for line in self._lines())

    def _check_owner(self, row: ProcessRow, address: str) -> None:
        owner = ownership.owner(address, group.pids(group.members(self._instance(row))))
        if not owner.ours:
            raise AgentError("port", f"{self.name()} is not who answers: {owner.detail}", self._lines(), pid=owner.pid)

    def _check_time(self, row: Optional[ProcessRow]) -> None:
        health = self.process.get("health")
        bound = float(health["within_seconds"]) if health else DEFAULT_HEALTH_SECONDS
        waited = time.monotonic() - self.began
        if waited < bound and self.context.left(time.monotonic()) > 0:
            return
        if row is None:
            raise AgentError("supervisor", f"the supervisor did not start {self.name()} within {waited:.1f} s", process=self.key[0])
        fault = probes.healthy(row.address, health) if row.address is not None else None
        page = f" at {health['page']['path']}" if health else ""
        said = fault or "it became healthy just now, too late"
        message = f"{self.name()} was not healthy{page} within {waited:.1f} s: {said}"
        raise AgentError("unhealthy", message, self._lines(), answer=said, process=self.key[0], address=row.address)

    def _row(self) -> Optional[ProcessRow]:
        return self.context.journal.process(self.number, *self.key)

    def _instance(self, row: ProcessRow) -> Instance:
        return Instance(row.marker(self.context.root.digest), row.pid, row.pid_start)

    def _lines(self) -> List[str]:
        return _lines(self.context, self.number, self.key, self.offset)

    def name(self) -> str:
        """As a person reads it: web.1 of generation 42."""
        return f"{self.key[0]}.{self.key[1]} of generation {self.number}"


def _wait_for_all(context: Context, waits: Sequence[_Wait]) -> None:
    """Until all are healthy. Raises AgentError when one will not be, or `settled` when nobody waits for it any more."""
    left = [wait for wait in waits if not wait.is_over()]
    while left:
        if context.is_moot():
            raise AgentError("settled", f"the deployment was decided while {left[0].name()} was on its way up")
        time.sleep(LOOK_SECONDS)
        left = [wait for wait in left if not wait.is_over()]


def _judged(document: Mapping[str, Any], args: Mapping[str, Any], *, listens: bool) -> List[Dict[str, Any]]:
    """Its processes that listen, or those that do not, as far as they have to be well: what `judge` names, all without it."""
    names = args.get("judge")
    return [p for p in document["processes"] if bool(p["listens"]) == listens and (names is None or p["name"] in names)]


def _missing(context: Context, number: int, process: Mapping[str, Any], offsets: Mapping[Key, int]) -> List[str]:
    """What a worker process still waits for, in words. Raises AgentError `died`."""
    name = process["name"]
    found = []
    for instance in range(1, process["instances"] + 1):
        row = context.journal.process(number, name, instance)
        if row is not None and row.state == "crashed":
            lines = _lines(context, number, (name, instance), offsets[name, instance])
            raise AgentError(
                "died",
                f"{name}.{instance} of generation {number} does not stay up; it ended with {row.exit}",
                lines,
                exit=row.exit,
                process=name,
            )
        if row is None or row.state != "up":
            found.append(f"{name}.{instance} does not run yet")
    if not process["overlap"]:
        others = [row for row in context.journal.processes() if row.name == name and row.generation != number]
        found += [f"{name}.{row.instance} of generation {row.generation} is not gone yet ({row.state})" for row in others]
    return found


def _check_slots(context: Context, number: int, addresses: Mapping[str, Sequence[str]]) -> None:
    """The daemon wrote them when it chose the addresses; the proxy must find exactly these."""
    slots = generations.read_slots(context.root, number)
    wanted = {f"{name}.{i + 1}": own[i % len(own)] for name, own in addresses.items() for i in range(generations.SLOTS)}
    if any(slots.get(name) != address for name, address in wanted.items()):
        generations.write_slots(context.root, number, addresses)


def _keep_slots(context: Context, number: int, document: Mapping[str, Any], names: Sequence[str]) -> None:
    """The addresses of the source for these processes: what is taken over unjudged, and what is stopped and still drains then."""
    source = document.get(SOURCE)
    slots = generations.read_slots(context.root, int(source)) if names and source is not None else {}
    kept = {name: [slots[slot] for slot in generations.slots_of(name) if slot in slots] for name in names}
    generations.write_slots(context.root, number, {name: own for name, own in kept.items() if own})


def _document(context: Context, number: int) -> Dict[str, Any]:
    document = generations.read(context.root, number)
    if document is None:
        raise AgentError("no-generation", f"generation {number} is not on this host", generation=number)
    return document


def _log_size(context: Context, number: int, key: Key) -> int:
    with context.root.at(logs.FOLDER, create=True, mode=0o700) as folder:
        return logs.size_of(folder, logs.log_of(*key, number))


def _lines(context: Context, number: int, key: Key, offset: int) -> List[str]:
    with context.root.at(logs.FOLDER, create=True, mode=0o700) as folder:
        return logs.since(folder, logs.log_of(*key, number), offset, LAST_LINES)


def _named(pid: int) -> str:
    return f"process {pid} ({ownership.command_of(pid)})"

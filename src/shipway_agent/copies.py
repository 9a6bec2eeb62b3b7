"""A root's rows and what is wanted in; processes started, drained, ended and proved gone out. The hands of the daemon.

Every start has its row with its token in the journal first, so that a daemon killed at any instant leaves nothing that its successor cannot
find, and starts nothing twice.
"""

from __future__ import annotations

import os
import signal
import time
from typing import AbstractSet, Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from shipway_agent import clock, drain, group, logs, ownership, reconcile, spawn
from shipway_agent.address import path_of, port_of
from shipway_agent.errors import AgentError, naming
from shipway_agent.group import Instance, Known
from shipway_agent.journal import Journal, ProcessRow
from shipway_agent.notifications import box
from shipway_agent.notifications.entry import MOST_LINES
from shipway_agent.notifications.moments import CRASHED, Moment
from shipway_agent.primitives import generations
from shipway_agent.pulse import Pulse, Target
from shipway_agent.reconcile import Key, Memory, Rule, Seen
from shipway_agent.record import dataclass, replace
from shipway_agent.root import Root
from shipway_agent.states import COMMITTED
from shipway_agent.surroundings import with_tools
from shipway_agent.wants import Document, goes_first, hands_over
from shipway_agent.wants import Instance as Copy

Say = Callable[[str], None]
"""Takes a line for the daemon's own log."""


@dataclass(frozen=True)
class Turn:
    """What one turn of the daemon goes by: `wanted` copies, those that `stay`, the generation that `current` points at, documents.

    `candidates` are generations that are not decided. `ending` when everything is to be gone; otherwise what serves at the link is
    never drained.
    """

    wanted: AbstractSet[Copy]
    link: Optional[int]
    documents: Mapping[int, Document]
    now: float
    ending: bool = False
    candidates: AbstractSet[int] = frozenset()
    stay: AbstractSet[Copy] = frozenset()


class Copies:
    """All running copies of one root. Only its daemon has one: it is the only writer of the rows."""

    def __init__(
        self, root: Root, journal: Journal, wake: Callable[[], None], in_flight: Callable[[], Optional[Dict[str, int]]], say: Say
    ) -> None:
        """`in_flight` asks the proxy, None where it does not tell. `living` are the first processes that lived in the last turn."""
        self._root = root
        self._journal = journal
        self._pulse = Pulse(wake)
        self._in_flight = in_flight
        self._say = say
        self._boot = clock.boot_id()
        self.living: Set[int] = set()
        self._memories: Dict[Key, Memory] = {}
        self._failures: Dict[Key, str] = {}
        self._told: Optional[Tuple[Key, str]] = None
        self._exits: Dict[int, int] = {}
        self._families: Dict[str, Tuple[Known, ...]] = {}
        self._rows: Dict[Key, ProcessRow] = {_key(row): row for row in journal.processes()}

    @property
    def rows(self) -> Tuple[ProcessRow, ...]:
        return tuple(self._rows.values())

    def find_again(self, now: float) -> None:
        """At the daemon's start: find what runs, by pid, start time and boot, else by its marker, and end what has a marker and no row."""
        marked = group.marks()
        for row in self.rows:
            found = self._found(row, marked)
            if found is not row:
                self._put(found)
            passed = min(3600.0, max(0.0, clock.wall_now() - found.since))
            self._memories[_key(found)] = Memory(began=now - passed, told=now - passed if found.state == "stopping" else None)
        known = {self._marker(row) for row in self.rows}
        strangers = [
            group.known(pid) for pid, marker in marked.items() if marker.startswith(f"{self._root.digest}/") and marker not in known
        ]
        for stranger in strangers:
            if stranger is not None:
                self._say(f"process {stranger.pid} carries a marker of this root and has no row: ended")
                group.end([stranger], signal.SIGKILL)

    def turn(self, turn: Turn) -> Optional[float]:
        """One thing for each copy. The seconds until the next turn while something is on its way, else None."""
        self._hand_over(turn)
        keys = sorted({*self._rows, *((copy.generation, copy.process, copy.instance) for copy in turn.wanted)})
        rules = {key: rule_of(turn.documents.get(key[0]), key[1], key[0] in turn.candidates) for key in keys}
        seen = self._look(turn, rules)
        for key in keys:
            row = self._rows.get(key)
            wanted = self._wanted(key, rules[key], turn)
            free = row is not None or self._is_free(key, turn)
            memory = self._memories.get(key, Memory(began=turn.now))
            verb, self._memories[key] = reconcile.next_for(row, wanted, free, rules[key], seen.get(key, Seen()), memory, turn.now)
            try:
                self._do(verb, key, row, turn, seen.get(key, Seen()))
                self._mark(key, wanted)
                self._failures.pop(key, None)
            except AgentError as error:  # a full disk holds up one copy's row and no other copy; the next turn tries again
                self._memories[key] = memory
                if self._failures.get(key) != error.message:
                    self._say(f"{key[1]}.{key[2]} of generation {key[0]}: {verb} failed: {error.message}")
                self._failures[key] = error.message
        self._pulse.watch(self._targets(turn))
        waits = [reconcile.look_seconds(row, rules[key], self._memories[key], turn.now) for key, row in self._rows.items() if key in rules]
        return min((wait for wait in waits if wait is not None), default=None)

    def try_again(self, generation: int) -> bool:
        """Copies of a generation that were given up start once more; whether there are any."""
        crashed = [(key, row) for key, row in self._rows.items() if row.generation == generation and row.state == "crashed"]
        for key, row in crashed:
            self._memories[key] = Memory()
            self._put(replace(row, state="starting", since=clock.wall_now()))
        return bool(crashed)

    def end_all(self) -> None:
        """SIGKILL everything at once: for a root that is no more."""
        for row in self.rows:
            group.kill_whole(self._instance(row), reconcile.LEAST_STOP_SECONDS)

    # ---------------------------------------------------------------- seeing

    def _look(self, turn: Turn, rules: Mapping[Key, Rule]) -> Dict[Key, Seen]:
        begun = [row for row in self.rows if row.pid is not None]
        dead = [row for row in begun if not group.alive(row.pid, row.pid_start)]
        self.living = {row.pid for row in begun if row.pid is not None and row not in dead}
        families = self._look_for_families(dead)
        drains = any(row.state == "draining" and row.address for row in begun)
        counts = self._in_flight() if drains else None
        seen: Dict[Key, Seen] = {}
        for row in begun:
            if row in dead:
                code, family = self._exits.get(row.pid or 0), families[row.token]
                seen[_key(row)] = Seen(alive=False, left=len(family), leader=self._leader(row, family, code), exit=code)
            else:
                needed = drain.needed(row.address, counts) if row.state == "draining" and row.address else 0
                executed = row.state != "starting" or row.address is not None or spawn.has_become(row.pid or 0)
                seen[_key(row)] = Seen(alive=True, executed=executed, healthy=self._pulse.healthy(row.token), needed=needed)
        return seen

    def _look_for_families(self, dead: Sequence[ProcessRow]) -> Dict[str, Tuple[Known, ...]]:
        """By token, who lives on of copies whose first process is gone. All of /proc is read only when nobody known lives any more."""
        pids = {row.pid for row in self.rows}
        self._exits = {pid: code for pid, code in {**self._exits, **reap()}.items() if pid in pids}
        kept = {row.token: tuple(one for one in self._families.get(row.token, ()) if group.alive(one.pid, one.start)) for row in dead}
        empty = [self._instance(row) for row in dead if not kept[row.token]]
        found = group.members_of(empty) if empty else {}
        self._families = {row.token: kept[row.token] or found[self._marker(row)] for row in dead}
        return self._families

    def _leader(self, row: ProcessRow, family: Tuple[Known, ...], code: Optional[int]) -> Optional[int]:
        """The oldest process that left on purpose, when its first one ended well: a server that daemonised, no remnant of a crash."""
        away = [process for process in family if process.session != row.pid and process.group != row.pid]
        if not away or code not in (None, 0):
            return None
        if row.address is not None and row.state == "up" and not ownership.owner(row.address, group.pids(family)).ours:
            return None
        return away[0].pid

    def _wanted(self, key: Key, rule: Rule, turn: Turn) -> bool:
        """What serves at the link goes on serving, also while the record already names a successor that is not up yet."""
        row = self._rows.get(key)
        if Copy(*key) in turn.wanted or row is None or turn.ending:
            return Copy(*key) in turn.wanted
        return (rule.listens and key[0] == turn.link) or (Copy(*key) in turn.stay and row.state == "up")

    def _is_free(self, key: Key, turn: Turn) -> bool:
        present = [Copy(*other) for other, row in self._rows.items() if row.pid is not None]
        return not goes_first(Copy(*key), present, turn.documents)

    def _targets(self, turn: Turn) -> Dict[str, Target]:
        targets = {}
        for row in self.rows:
            if row.pid is not None and row.address is not None and row.state in ("starting", "up", "crashed"):
                targets[row.token] = Target(row.token, row.address, process_of(turn.documents.get(row.generation), row.name).get("health"))
        return targets

    def _found(self, row: ProcessRow, marked: Mapping[int, str]) -> ProcessRow:
        if row.boot is not None and row.boot != self._boot:
            # nothing survives a reboot, and what had crashed before may find the machine in a better state now
            return replace(
                row, pid=None, pid_start=None, boot=None, healthy=False, state="starting" if row.state == "crashed" else row.state
            )
        if row.pid is not None:
            return row
        family = [group.known(pid) for pid, marker in marked.items() if marker == self._marker(row)]
        leaders = sorted((one for one in family if one is not None and one.pid == one.session), key=lambda one: one.start)
        return self._begun(row, leaders[0]) if leaders else row

    # ----------------------------------------------------------------- doing

    def _do(self, verb: str, key: Key, row: Optional[ProcessRow], turn: Turn, seen: Seen) -> None:
        if verb == reconcile.NOTHING:
            return
        if verb == reconcile.START:
            self._start(key, row, turn)
            return
        if row is None:
            return
        if verb in (reconcile.TERMINATE, reconcile.SWEEP):
            self._terminate(row)
        elif verb == reconcile.KILL:
            group.end(group.members(self._instance(row)), signal.SIGKILL)
        if verb == reconcile.FORGET:
            self._forget(key, row)
        elif verb == reconcile.ADOPT:
            leader = group.known(seen.leader or 0)
            if leader is not None:
                self._put(self._begun(row, leader))
        elif verb in STATES:
            changed = replace(
                row, state=STATES[verb], since=clock.wall_now(), healthy=verb == reconcile.UP or (row.healthy and verb == reconcile.RETURN)
            )
            if verb in (reconcile.REST, reconcile.CRASH):
                changed = replace(changed, pid=None, pid_start=None, exit=seen.exit)
            self._put(changed)
        if verb == reconcile.CRASH:
            self._tell_people(row, seen.exit)
        if (key, verb) != self._told or verb != reconcile.KILL:  # what does not die is killed in every turn, and named once
            self._tell(verb, row, seen)
        self._told = (key, verb)

    def _hand_over(self, turn: Turn) -> None:
        """A generation that says so gets the running copies of its source; undone, it gives them back. Nothing is started."""

        def passes(giver: Key, taker: Key) -> bool:
            return hands_over(Copy(*giver), Copy(*taker), turn.documents)

        # What serves at the link goes on under its successor's name as soon as the record names that one.
        takers: List[Key] = [_copy_key(copy) for copy in sorted(turn.wanted | turn.stay)]
        follows = {key for key in self._rows for copy in turn.wanted if copy[1:] == key[1:] and passes(key, _copy_key(copy))}
        wanted = {
            key
            for key in self._rows
            if Copy(*key) in turn.wanted or (key not in follows and self._wanted(key, rule_of(turn.documents.get(key[0]), key[1]), turn))
        }
        for taker, giver in reconcile.handed_over(takers, self._rows, wanted, passes).items():
            try:
                row = self._journal.hand_over_process(self._rows[giver], taker[0])
                self._rows[taker], self._memories[taker] = row, self._memories.pop(giver, Memory(began=turn.now))
                del self._rows[giver]
                self._say(f"{row.name}.{row.instance} of generation {giver[0]} (process {row.pid}): is of generation {taker[0]} now")
                with self._root.at(logs.FOLDER, create=True, mode=0o700) as folder:
                    logs.hand_over(folder, logs.log_of(*giver[1:], giver[0]), logs.log_of(*taker[1:], taker[0]))
                self._write_slots(taker[0], taker[1], process_of(turn.documents.get(taker[0]), taker[1]))
            except AgentError as error:  # a full disk: what is wanted is started then, and process.start writes the slots again
                self._say(f"{giver[1]}.{giver[2]} of generation {giver[0]} was not handed over whole: {error.message}")

    def _start(self, key: Key, row: Optional[ProcessRow], turn: Turn) -> None:
        generation, name, instance = key
        try:
            document = turn.documents[generation]
            process = process_of(document, name)
            token = spawn.new_token()
            address = self._address(key, row, process.get("listens"), token)
            restarts = row.restarts + 1 if row is not None and row.since > 0 else 0
            row = ProcessRow(
                generation,
                name,
                instance,
                token,
                "crashed" if row is not None and row.state == "crashed" else "starting",  # a try of what crashed; not over before it is up
                address,
                since=clock.wall_now(),
                restarts=restarts,
                exit=row.exit if row else None,
            )
            self._put(row)
            self._write_slots(generation, name, process)
            launch = self._launch(row, document, process)
        except AgentError as error:
            self._failed(key, row, error, turn)
            return
        try:
            with naming(launch.argv[0]):
                pid = spawn.start(launch)
        finally:
            os.close(launch.log_fd)
        began = group.known(pid)
        if began is not None:  # a child stays known, if only as a zombie, until we reap it
            # In memory first: should the journal refuse the pid, this copy runs all the same and must not be started again.
            self._rows[key] = self._begun(row, began)
            self._put(self._rows[key])

    def _failed(self, key: Key, row: Optional[ProcessRow], error: AgentError, turn: Turn) -> None:
        """What cannot even be started counts as a death; its own log says why, where people look."""
        words = f"{key[1]}.{key[2]} of generation {key[0]} cannot be started: {error.message}"
        self._say(words)
        verb, self._memories[key] = reconcile.died(self._memories[key], turn.now)
        row = replace(row or ProcessRow(*key, "", "starting"), pid=None, pid_start=None, boot=self._boot, state=STATES[verb], exit=127)
        self._rows[key] = row
        try:
            self._journal.put_process(row)
            with self._root.at(logs.FOLDER, create=True, mode=0o700) as folder:
                log_fd = logs.open_log(folder, logs.log_of(row.name, row.instance, row.generation))
                os.write(log_fd, f"shipway: {words}\n".encode("utf-8", "backslashreplace"))
                os.close(log_fd)
            if verb == reconcile.CRASH:
                self._tell_people(row, row.exit)
        except (AgentError, OSError):
            pass  # the journal itself may be what cannot be written: the row in memory keeps the pause

    def _launch(self, row: ProcessRow, document: Document, process: Mapping[str, Any]) -> spawn.Launch:
        directory = spawn.directory_in(self._root.full(f"releases/{document['release']}"), str(process.get("directory") or "."))
        address = row.address or ""
        path = path_of(address) or "" if address else ""
        port = str(port_of(address)) if address and not path else ""
        if path:
            _unlink_socket(path)
        env = generations.env_of(self._root, row.generation)
        environment = spawn.environment_of(document, env, row.name, row.address, self._marker(row))
        environment = with_tools(environment, self._root.path, document)
        with self._root.at(logs.FOLDER, create=True, mode=0o700) as folder:
            log_fd = logs.open_log(folder, logs.log_of(row.name, row.instance, row.generation))
        return spawn.Launch(spawn.argv_of(process["run"], port, path), directory, environment, log_fd)

    def _address(self, key: Key, row: Optional[ProcessRow], listens: Optional[str], token: str) -> Optional[str]:
        """Where it listened before, unless another process has taken that port; so that slots stay true across a restart."""
        if row is not None and row.address is not None:
            port = port_of(row.address)
            if port is None or spawn.is_free(port):
                return row.address
        held = {port_of(other.address) or 0 for other in self.rows if other.address is not None}
        folder = self._root.socket_folder() if listens == "socket" else ""
        return spawn.choose_address(listens, folder, *key, token, held)

    def _write_slots(self, generation: int, name: str, process: Mapping[str, Any]) -> None:
        """Once each copy has its address; again when one had to change."""
        if process.get("listens") is None:
            return
        addresses = [
            self._rows[key].address for key in ((generation, name, i) for i in range(1, process["instances"] + 1)) if key in self._rows
        ]
        known = [address for address in addresses if address is not None]
        if len(known) < process["instances"]:
            return
        slots = generations.read_slots(self._root, generation)
        if [slots.get(f"{name}.{slot + 1}") for slot in range(generations.SLOTS)] != [
            known[slot % len(known)] for slot in range(generations.SLOTS)
        ]:
            generations.write_slots(self._root, generation, {name: known})

    def _terminate(self, row: ProcessRow) -> None:
        """SIGTERM to the whole group at once, and to those who left it."""
        family = group.members(self._instance(row))
        if row.pid is not None and any(process.group == row.pid for process in family):
            try:
                os.killpg(row.pid, signal.SIGTERM)
            except (ProcessLookupError, PermissionError):  # gone in between, or setuid: SIGKILL and `members` will tell
                pass
        group.end([process for process in family if process.group != row.pid], signal.SIGTERM)

    def _forget(self, key: Key, row: ProcessRow) -> None:
        path = path_of(row.address) if row.address is not None else None
        if path:
            _unlink_socket(path)
        self._journal.delete_process(*key)
        del self._rows[key]
        self._memories.pop(key, None)

    def _mark(self, key: Key, wanted: bool) -> None:
        """Keep in the row what changed besides its state: whether it is wanted and healthy."""
        row = self._rows.get(key)
        if row is None:
            return
        healthy = self._pulse.healthy(row.token) if row.address is not None else row.healthy
        if row.state != "up" or healthy is None:
            healthy = row.healthy
        if (row.wanted, row.healthy) != (wanted, healthy):
            self._put(replace(row, wanted=wanted, healthy=healthy))

    def _put(self, row: ProcessRow) -> None:
        self._journal.put_process(row)
        self._rows[_key(row)] = row

    def _begun(self, row: ProcessRow, leader: Known) -> ProcessRow:
        return replace(row, pid=leader.pid, pid_start=leader.start, boot=self._boot)

    def _marker(self, row: ProcessRow) -> str:
        return row.marker(self._root.digest)

    def _instance(self, row: ProcessRow) -> Instance:
        return Instance(self._marker(row), row.pid, row.pid_start)

    def _tell_people(self, row: ProcessRow, code: Optional[int]) -> None:
        """A process of what serves was given up: that is for people, once for each process of a deployment."""
        try:
            member = self._journal.member()
            attempt = next((a for a in member.attempts if a.target == row.generation == member.current and a.stage == COMMITTED), None)
            if attempt is None:
                return  # before the decision the driver sees it, or the deadline does
            with self._root.at(logs.FOLDER, create=True, mode=0o700) as folder:
                lines = logs.last(folder, logs.log_of(row.name, row.instance, row.generation), MOST_LINES)
            ended = "an unknown code" if code is None else code
            what = f"process {row.name}.{row.instance} died again and again, at last with {ended}, and is not started any more"
            box.put_alone(self._journal, Moment(CRASHED, attempt, CRASHED), {"reason": {"what": what, "lines": lines}}, row.name)
        except AgentError as error:
            self._say(f"nobody can be told that {row.name}.{row.instance} is given up: {error.message}")

    def _tell(self, verb: str, row: ProcessRow, seen: Seen) -> None:
        words = f"{row.name}.{row.instance} of generation {row.generation} (process {row.pid}): {verb}"
        if verb in (reconcile.REST, reconcile.CRASH):
            words += f", it ended with {'an unknown code' if seen.exit is None else seen.exit}"
        self._say(words)


STATES: Dict[str, str] = {
    reconcile.UP: "up",
    reconcile.RETURN: "up",
    reconcile.DRAIN: "draining",
    reconcile.TERMINATE: "stopping",
    reconcile.REST: "starting",
    reconcile.CRASH: "crashed",
}
"""The row's state after what was done."""


def reap() -> Dict[int, int]:
    """Pid → exit code (negative: the signal) of every child that has ended."""
    ended: Dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)


def rule_of(document: Optional[Document], name: str, candidate: bool = False) -> Rule:
    """How a process of a generation is run; where the document is gone, how a process is run by default."""
    process = process_of(document, name)
    if not process:
        return Rule()
    listens, drain_seconds = process.get("listens") is not None, float(process.get("drain_seconds", 30.0))
    steady_seconds = float(process.get("steady_seconds", reconcile.STEADY_SECONDS))
    return Rule(listens, drain_seconds, bool(process.get("overlap", True)), candidate, steady_seconds)


def process_of(document: Optional[Document], name: str) -> Mapping[str, Any]:
    """The PROCESS of that name, empty where there is none."""
    processes: Iterable[Mapping[str, Any]] = (document or {}).get("processes", ())
    return next((process for process in processes if process["name"] == name), {})


def now() -> float:
    """The steady clock of all pauses and drains."""
    return time.monotonic()


def _key(row: ProcessRow) -> Key:
    return row.generation, row.name, row.instance


def _copy_key(copy: Copy) -> Key:
    return copy.generation, copy.process, copy.instance


def _unlink_socket(path: str) -> None:
    """A socket whose listener is gone refuses the next one its name."""
    with naming(path):
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass

"""One running copy in, every process that belongs to it out: by process group, by session, and by the marker in their environment.

A process that daemonises leaves group and session; the marker stays with it. A process that overwrites its environment (as those that set
their title do) loses the marker; group and session stay.
"""

from __future__ import annotations

import os
import time

from shipway_agent.record import dataclass
from shipway_agent.signals import SIGKILL
from shipway_agent.typed import Dict, FrozenSet, Iterable, List, Mapping, Optional, Tuple

MARKER = "SHIPWAY_INSTANCE"
"""Name of the environment variable that every process of an app carries: "<root key>/<generation>/<process>/<instance>/<token>"."""

CALM_LOOKS = 5
"""A look at /proc may miss a process that forks and ends while it is read; on a busy machine two in a row
did, in one of several runs of all tests."""


@dataclass(frozen=True)
class Known:
    """A process the kernel knows: `start` in clock ticks since boot, `dead` for a zombie."""

    pid: int
    parent: int
    group: int
    session: int
    start: int
    dead: bool


@dataclass(frozen=True)
class Instance:
    """How a running copy is recognised. `pid` is the leader of its group and session, None where it was never recorded."""

    marker: str
    pid: Optional[int] = None
    pid_start: Optional[int] = None


def known(pid: int) -> Optional[Known]:
    """What the kernel tells us of `pid`, None where there is no such process."""
    text = _read(f"/proc/{pid}/stat")
    if not text:  # gone, or hidden from us (hidepid)
        return None
    fields = text[text.rindex(b")") + 2 :].split(None, 20)
    # A leader whose first thread has ended shows as a zombie while its other threads go on.
    dead = fields[0] in (b"Z", b"X") and int(fields[17]) <= 1
    return Known(pid, int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]), dead)


def alive(pid: Optional[int], start: Optional[int]) -> bool:
    """Whether this very process still runs: not a zombie, and not another one that got its pid."""
    found = known(pid) if pid is not None else None
    return found is not None and not found.dead and found.start == start


def everyone() -> List[Known]:
    """All processes of this pid namespace; zombies too."""
    found = (known(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [one for one in found if one is not None]


def marks() -> Dict[int, str]:
    """Pid → marker, for every process of this user that carries one. Costs some 30 µs a process of the machine."""
    found: Dict[int, str] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            marker = marker_of(int(name))
            if marker is not None:
                found[int(name)] = marker
    return found


def marker_of(pid: int) -> Optional[str]:
    """The marker in the environment that `pid` was started with; None where it has none or belongs to another user."""
    _, marked, value = (b"\0" + _read(f"/proc/{pid}/environ")).partition(f"\0{MARKER}=".encode())
    return value.partition(b"\0")[0].decode("utf-8", "replace") if marked else None


def members(instance: Instance) -> Tuple[Known, ...]:
    """Every living process of one running copy, oldest first. Looks at all processes of the machine: not for each turn of a loop."""
    return members_of([instance])[instance.marker]


def members_of(instances: Iterable[Instance]) -> Dict[str, Tuple[Known, ...]]:
    """As `members`, for several copies with one look at /proc: marker → its living processes.

    A copy of which nothing is found is looked for once more: the list of /proc misses a process whose parent forked it and ended while
    the list was read.
    """
    wanted = {instance.marker: instance for instance in instances}
    found = _look(wanted)
    empty = {marker: wanted[marker] for marker, processes in found.items() if not processes}
    return {**found, **_look(empty)} if empty else found


def end(processes: Iterable[Known], number: int) -> None:
    """Send a signal to exactly these processes; one that is gone, or whose pid another has, is left out."""
    for process in processes:
        if alive(process.pid, process.start):
            try:
                os.kill(process.pid, number)
            except (ProcessLookupError, PermissionError):  # gone in between, or setuid: `members` will name it again
                pass


def kill_whole(instance: Instance, within_seconds: float) -> Tuple[Known, ...]:
    """SIGKILL every process of a copy, again and again while it forks, and return who is still there after `within_seconds`.

    One that forked while it was killed is gone when nothing of it was found CALM_LOOKS times in a row, for each look may miss it.
    """
    until = time.monotonic() + within_seconds
    killed: FrozenSet[int] = frozenset()
    calm, enough = 0, 1
    while True:
        left = members(instance)
        calm = 0 if left else calm + 1
        if calm >= enough or time.monotonic() >= until:
            return left
        if killed and pids(left) - killed:
            enough = CALM_LOOKS
        killed |= pids(left)
        end(left, SIGKILL)
        time.sleep(0.01)


def pids(processes: Iterable[Known]) -> FrozenSet[int]:
    """Their pids."""
    return frozenset(process.pid for process in processes)


def _read(path: str) -> bytes:
    """A file of /proc, empty where it is gone or another user's."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return b""


def _look(wanted: Mapping[str, Instance]) -> Dict[str, Tuple[Known, ...]]:
    found: Dict[str, List[Known]] = {marker: [] for marker in wanted}
    processes = [process for process in everyone() if not process.dead and process.pid != os.getpid()]
    leaders = _leaders(wanted.values(), processes)
    for process in processes:
        marker = leaders.get(process.group) or leaders.get(process.session) or marker_of(process.pid)
        if marker in found:
            found[marker].append(process)
    return {marker: tuple(sorted(family, key=lambda one: (one.start, one.pid))) for marker, family in found.items()}


def _leaders(instances: Iterable[Instance], processes: Iterable[Known]) -> Dict[int, str]:
    """Pid of the leader → marker. A group outlives its leader, and the kernel gives no pid away that still names a group: a younger
    process with the leader's pid means that the group is gone, and that this pid and its group are somebody else's."""
    started = {process.pid: process.start for process in processes}
    found = {}
    for instance in instances:
        if instance.pid is not None and started.get(instance.pid, instance.pid_start) == instance.pid_start:
            found[instance.pid] = instance.marker
    return found

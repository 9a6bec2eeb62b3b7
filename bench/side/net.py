"""A number of hosts and the kind of line in; out, these hosts, and an operator in a network of its own whose bytes are counted."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.side import cache
from bench.side.groups import PREFIX, Group, sweep
from tests.hosts import Hosts, disk
from tests.hosts.disk import Disk
from tests.hosts.machine import UID, USER

OPERATOR_NUMBER = 250
"""The last byte of the operator's address; hosts have 2 to 201."""

DISK = Disk("40g", 4_000_000)
"""Of all hosts together, new for each net: an ext4 that has just lost some ten thousand files looks for up to six minutes at each of

their inodes before it makes a new file (`recently_deleted` in fs/ext4/ialloc.c), and whoever came next would pay for whoever went.
"""


@dataclass(frozen=True)
class Line:
    """Between the operator and everybody else. Hosts reach each other without delay and without limit."""

    round_trip_ms: int = 0
    uplink_mbit: int | None = None


LINES: Mapping[str, Line] = {
    "lan": Line(),
    "rtt40": Line(round_trip_ms=40),
    "up50": Line(uplink_mbit=50),
    "up50rtt40": Line(round_trip_ms=40, uplink_mbit=50),
}


@dataclass(frozen=True)
class Traffic:
    """Of the operator, as the bridge counts it. A packet of a line without delay may be larger than a frame of a real one."""

    sent_bytes: int
    received_bytes: int
    sent_packets: int

    def since(self, before: Traffic) -> Traffic:
        return Traffic(
            self.sent_bytes - before.sent_bytes, self.received_bytes - before.received_bytes, self.sent_packets - before.sent_packets
        )


class Net:
    """`count` hosts named a, b, c …; with `origin`, one more that holds a git repository they can pull from.

    `operator` counts the operator's processes, `ssh` those of them that are ssh; `served` all hosts', `first` the first host's of them.
    The operator's home has an ssh configuration for all of them; the first `ssh` on its PATH is the real one, counted by itself.
    """

    def __init__(self, count: int, line: Line, *, origin: Path | None = None) -> None:
        self.count = count
        self.line = line
        self.directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.operator = Group("operator")
        self.ssh = Group("operator/ssh")
        self.served = Group("hosts")
        self.first = Group("hosts/first")
        self.origin = Group("origin")
        self.hosts = Hosts(count + (1 if origin else 0), all_on=DISK if disk.why_not() is None else None)
        self._repository = origin
        self._delay: subprocess.Popen[str] | None = None

    def __enter__(self) -> Net:
        try:
            sweep()
            _sweep_directories()
            for group in (self.operator, self.ssh, self.served, self.first, self.origin):
                group.make()
            with self.served.inside():
                self.hosts.up()
            self.first.take(list(self.hosts.pids(self.names[0])))
            self._home()
            self._connect()
            if self._repository:
                self._lay_origin(self._repository)
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.down()

    def down(self) -> None:
        """Nothing is left: no process, no link, no file."""
        for group in (self.ssh, self.operator):
            group.end()
        if self._delay is not None:
            self._delay.communicate(timeout=30)  # it ends with its stdin
            self._delay = None
        self.hosts.down()
        for group in (self.ssh, self.operator, self.first, self.served, self.origin):
            group.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts that are deployed to."""
        return self.hosts.names[: self.count]

    @property
    def address(self) -> str:
        """The operator's."""
        return f"{self.hosts.gateway.rpartition('.')[0]}.{OPERATOR_NUMBER}"

    @property
    def origin_url(self) -> str:
        return f"ssh://{USER}@{self.hosts.names[-1]}/home/{USER}/origin.git"

    @property
    def home(self) -> Path:
        """The operator's."""
        return self.directory / "home"

    def env(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What the operator's programs are started with."""
        path = f"{self.directory / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        found = {"HOME": str(self.home), "USER": "root", "LOGNAME": "root", "LANG": "C.UTF-8", "TERM": "dumb", "PATH": path, **(more or {})}
        if more and "PATH" in more:
            found["PATH"] = f"{self.directory / 'bin'}:{more['PATH']}"
        return found

    def command(self, argv: Sequence[str]) -> list[str]:
        """What runs `argv` as the operator: in its network and counted."""
        doors = [str(door) for door in self.operator.doors]
        enter = 'echo $$ >"$0" && echo $$ >"$1" && shift && exec "$@"'
        return ["nsenter", f"--net=/run/netns/{self.namespace}", "/bin/sh", "-c", enter, *doors, *argv]

    def traffic(self) -> Traffic:
        """Since the net came up."""
        place = Path("/sys/class/net", self._link, "statistics")
        received, sent, packets = (int((place / name).read_text()) for name in ("tx_bytes", "rx_bytes", "rx_packets"))
        return Traffic(sent, received, packets)

    def logins(self) -> int:
        """How often the operator has logged in to the hosts, so far."""
        mark = f"Accepted publickey for {USER} from {self.address} "
        return sum(self.hosts.log(name).count(mark) for name in self.names)

    def homes(self) -> dict[str, Path]:
        """Where this machine sees the home of each host's user."""
        return {name: self.hosts.home(name) / USER for name in self.names}

    @property
    def _plot(self) -> str:
        return self.hosts.directory.name

    @property
    def namespace(self) -> str:
        """The operator's network."""
        return f"sw{self._plot}-op"

    @property
    def _link(self) -> str:
        return f"sw{self._plot}vop"

    def _home(self) -> None:
        ssh = self.home / ".ssh"
        ssh.mkdir(parents=True)
        shutil.copy(self.hosts.ssh_config, ssh / "config")
        programs = self.directory / "bin"
        (programs / "groups").mkdir(parents=True)
        shutil.copy(cache.compiled("counted"), programs / "ssh")
        (programs / "config").symlink_to(ssh / "config")
        (programs / "real").symlink_to(shutil.which("ssh") or "/usr/bin/ssh")
        for number, door in enumerate(self.ssh.doors, 1):
            (programs / f"groups/{number}").symlink_to(door)

    def _connect(self) -> None:
        _ip("netns", "add", self.namespace)
        if self.line.round_trip_ms:
            argv = [str(cache.compiled("delay")), self.namespace, "eth0", self._link, str(self.line.round_trip_ms * 500)]
            self._delay = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert self._delay.stdout is not None
            try:
                os.setpriority(os.PRIO_PROCESS, self._delay.pid, -20)  # a wire waits for no processor
            except PermissionError:
                pass  # root of a container may not; on a quiet machine it makes no difference
            if self._delay.stdout.readline() != "ready\n":
                raise RuntimeError("the line with a delay does not come up")
            _ip("link", "set", self._link, "txqueuelen", "20000")
            _ip("-n", self.namespace, "link", "set", "eth0", "txqueuelen", "20000")
        else:
            _ip("link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        _ip("link", "set", self._link, "master", f"sw{self._plot}", "up")
        _ip("-n", self.namespace, "addr", "add", f"{self.address}/24", "dev", "eth0")
        _ip("-n", self.namespace, "link", "set", "eth0", "up")
        _ip("-n", self.namespace, "link", "set", "lo", "up")
        if self.line.uplink_mbit:
            rate = ["rate", f"{self.line.uplink_mbit}mbit", "burst", "64kb", "latency", "200ms"]
            _run(["tc", "-n", self.namespace, "qdisc", "add", "dev", "eth0", "root", "tbf", *rate])

    def _lay_origin(self, repository: Path) -> None:
        """The last host has the repository, and every host may log in there."""
        name = self.hosts.names[-1]
        shutil.copytree(repository, self.hosts.home(name) / USER / "origin.git")
        self.origin.take(list(self.hosts.pids(name)))
        for host in self.hosts.names:
            ssh = self.hosts.home(host) / USER / ".ssh"
            for source, target in (("id", "id_ed25519"), ("known_hosts", "known_hosts")):
                shutil.copy(self.hosts.directory / source, ssh / target)
            (ssh / "id_ed25519").chmod(0o600)
        for place in (self.hosts.home(host) / USER for host in self.hosts.names):
            _own(place)


def _sweep_directories() -> None:
    """Those of sessions that were killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        if not Path("/proc", left.name.removeprefix(PREFIX).partition("-")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)


def _own(place: Path) -> None:
    for folder, _, files in os.walk(place):
        for entry in (folder, *(os.path.join(folder, file) for file in files)):  # noqa: PTH118 - a walk over some thousand names
            os.chown(entry, UID, UID)


def _ip(*words: str) -> None:
    _run(["ip", *words])


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")

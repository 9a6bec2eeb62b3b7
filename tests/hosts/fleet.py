"""Hosts(n): n hosts for as long as the `with` block lasts, reached over ssh as an unprivileged user."""

from __future__ import annotations

import string
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from tests.hosts import disk, keys, network
from tests.hosts.bare import Mirror, bare
from tests.hosts.disk import Disk
from tests.hosts.ground import Plot, claim, clear, release
from tests.hosts.machine import USER, Bare, Machine

FRONT_PORT = 8080


class Hosts:
    """`n` hosts named a, b, c …, each at an address of 10.77.0.0/16 with the user `deploy`. `home_size` bounds /home ("8m": it fills up);
    with `home_disk` it is a file system of its own, which outlives a boot. With `all_on`, all of them lie on one new file system. With
    `systemd` each is booted by one, where this machine allows it (systemd.why_not). `bare` ones are as their owner rents them: only root
    can log in, and there is no python3 (bare.why_not).

    They see Debian's python3 and what is under /opt and /usr, and neither /work nor /root nor each other's files. A boot has its own
    boot id and a clock that starts near zero.
    """

    def __init__(
        self,
        n: int,
        *,
        home_size: str | None = None,
        home_disk: Disk | None = None,
        all_on: Disk | None = None,
        systemd: bool = False,
        bare: bool = False,
    ) -> None:
        if not 0 < n <= 200:
            raise ValueError("a plot holds 1 to 200 hosts")
        self._count = n
        self._home_size = home_size
        self._home_disk = home_disk
        self._all_on = all_on
        self._systemd = systemd
        self._bare = bare
        self._mirror: Mirror | None = None
        self._plot: Plot | None = None
        self._machines: dict[str, Machine] = {}

    def __enter__(self) -> Hosts:
        self.up()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.down()

    def up(self) -> None:
        """All hosts, answering. Whatever fails half way is taken down again."""
        self._plot = plot = claim()
        try:
            network.lay(plot, self._count)
            names = [name_of(index) for index in range(self._count)]
            addresses = {name: plot.address(index) for index, name in enumerate(names)}
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(keys.make_key, [self.directory / "id", *(self.directory / f"{name}.key" for name in names)]))
            keys.write_config(self.directory, USER, addresses)
            authorized = (self.directory / "id.pub").read_text()
            ground = self._open_mirror(plot) if self._bare else None
            place = self._lay_disk(plot)
            for index, name in enumerate(names):
                machine = Machine(
                    plot, index, name, place, home_size=self._home_size, home_disk=self._home_disk, systemd=self._systemd, bare=ground
                )
                self._machines[name] = machine
                machine.lay_out(authorized, self.directory / f"{name}.key", addresses)
                machine.boot()
            for machine in self._machines.values():
                machine.wait()
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Nothing is left: no process, no link, no route, no file."""
        if self._plot is not None:
            for machine in self._machines.values():
                machine.kill()
            if self._mirror is not None:
                self._mirror.close()
            clear(self._plot)
            release(self._plot)
        self._plot = None
        self._mirror = None
        self._machines = {}

    def _lay_disk(self, plot: Plot) -> Path:
        if self._all_on is None:
            return plot.directory
        disk.mount(plot.directory / "disk.img", plot.directory / "disk", self._all_on)
        return plot.directory / "disk"

    def _open_mirror(self, plot: Plot) -> Bare:
        made = bare()
        self._mirror = Mirror(plot.gateway, made / "packages")
        return Bare(made / "root", self._mirror.url)

    def keep(self) -> None:
        """The hosts outlive this process; `bin/hosts 0 down` takes them away."""
        assert self._plot is not None
        self._plot.kept.touch()
        release(self._plot)
        self._plot = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._machines)

    @property
    def directory(self) -> Path:
        """Holds `id`, `<name>.key`, `known_hosts` and `ssh_config`."""
        assert self._plot is not None, "the hosts are down"
        return self._plot.directory

    @property
    def ssh_config(self) -> Path:
        return self.directory / "ssh_config"

    @property
    def env(self) -> Mapping[str, str]:
        """What makes Shipway reach these hosts, and only these, over ssh."""
        return {"SHIPWAY_SSH_CONFIG": str(self.ssh_config)}

    @property
    def gateway(self) -> str:
        """The operator's address on the hosts' network."""
        assert self._plot is not None, "the hosts are down"
        return self._plot.gateway

    def address(self, host: str) -> str:
        return self._machines[host].address

    def front(self, host: str) -> tuple[str, int]:
        """Where the host's proxy takes requests: address and port."""
        return self.address(host), FRONT_PORT

    def run(
        self,
        host: str,
        argv: Sequence[str],
        *,
        user: str = USER,
        input: bytes | None = None,
        timeout_seconds: float = 60.0,
        check: bool = True,
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs `argv` there, not over ssh. With `check`, a failure raises RuntimeError with the output."""
        return self._machines[host].run(argv, user=user, input=input, timeout_seconds=timeout_seconds, check=check)

    def enter(self, host: str, argv: Sequence[str], *, user: str = USER) -> list[str]:
        """The command that runs `argv` there, for those who need a Popen of their own."""
        return self._machines[host].enter(argv, user=user)

    def path(self, host: str, inside: str) -> Path:
        """Where this machine sees the host's `inside`; valid until the next reboot."""
        return self._machines[host].path(inside)

    def home(self, host: str) -> Path:
        """Where this machine sees the host's /home, also while it is down; not for a home of its own size or disk."""
        return self._machines[host].directory / "home"

    def pids(self, host: str) -> dict[int, str]:
        """Its processes: this machine's pids and their command lines."""
        return self._machines[host].pids()

    def kill(self, host: str) -> None:
        """The power fails: every process ends at once. Files of /home and of the system stay, /run and /tmp do not."""
        self._machines[host].kill()

    def start(self, host: str) -> None:
        """Boots a killed host again and waits until it answers."""
        self._machines[host].boot()
        self._machines[host].wait()

    def reboot(self, host: str) -> None:
        self.kill(host)
        self.start(host)

    def cut(self, host: str, *others: str) -> None:
        """No packet in or out, and no word about it; with `others` (hosts, or "operator"), only between it and them."""
        addresses = [self.gateway if other == "operator" else self.address(other) for other in others]
        self._machines[host].cut(addresses or None)

    def close(self, host: str, port: int) -> None:
        """Nobody can open a new connection to the port; those that are open go on."""
        self._machines[host].close(port)

    def spoil(self, host: str) -> None:
        """The disk of a host made with `home_disk` meets an error: the kernel makes /home read-only under everybody who writes there.

        It is writable again after a reboot, which has it checked first.
        """
        self._machines[host].spoil()

    def heal(self, host: str) -> None:
        self._machines[host].heal()

    def log(self, host: str) -> str:
        """What its boot and its sshd said."""
        return self._machines[host].log.read_text(errors="replace")


def name_of(index: int) -> str:
    """a … z, then h27, h28 …"""
    return string.ascii_lowercase[index] if index < 26 else f"h{index + 1}"

"""One host: its files, its boot, its processes, its end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.hosts import disk, network, systemd
from tests.hosts.disk import Disk
from tests.hosts.ground import Plot
from tests.hosts.sessions import words_of

USER = "deploy"
UID = 20001
BOOT = Path(__file__).with_name("boot.sh")
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Bare:
    """A host that nobody has prepared: `root` lies below it (tests/hosts/bare.py), `packages` is where its apt finds more."""

    root: Path
    packages: str


class Machine:
    """`directory`, below `place`, outlives a reboot: `changes` is the overlay's upper half, `home` becomes /home.

    /run and /tmp are new at each boot.
    """

    def __init__(
        self,
        plot: Plot,
        index: int,
        name: str,
        place: Path,
        *,
        home_size: str | None,
        home_disk: Disk | None = None,
        systemd: bool = False,
        bare: Bare | None = None,
    ) -> None:
        self.name = name
        self.address = plot.address(index)
        self.directory = place / name
        self.log = self.directory / "log"
        self._namespace = plot.namespace(index)
        self._home_size = home_size
        self._home_disk = home_disk
        self._systemd = systemd or bare is not None
        self._bare = bare
        self._boot: subprocess.Popen[bytes] | None = None

    def lay_out(self, authorized_key: str, host_key: Path, neighbours: Mapping[str, str]) -> None:
        """Its own accounts, names, keys and home, before the first boot; a bare one has root's key and no other account."""
        if self._bare is not None:
            self._lay_out_bare(self._bare, authorized_key, host_key, neighbours)
            return
        for part in ("changes/etc/ssh", "changes/etc/cron.d", "changes/var/spool/cron/crontabs", "work", "root", f"home/{USER}/.ssh"):
            (self.directory / part).mkdir(parents=True)
        etc = self.directory / "changes/etc"
        for file, line in (
            ("passwd", f"{USER}:x:{UID}:{UID}::/home/{USER}:/bin/bash\n"),
            ("group", f"{USER}:x:{UID}:\n"),
            ("shadow", f"{USER}:*:20000::::::\n"),
        ):
            (etc / file).write_text(Path("/etc", file).read_text() + line)
        (etc / "shadow").chmod(0o600)
        self._lay_out_names(etc, host_key, neighbours)
        for entry in Path("/etc/cron.d").glob("*"):  # the machine's own chores are not the host's
            (etc / "cron.d" / entry.name).write_text("")
        _mirror_crontabs(self.directory / "changes/var/spool/cron/crontabs")
        keys = self.directory / f"home/{USER}/.ssh/authorized_keys"
        keys.write_text(authorized_key)
        for path, mode in ((keys, 0o600), (keys.parent, 0o700), (keys.parent.parent, 0o755)):
            path.chmod(mode)
            os.chown(path, UID, UID)
        if self._home_disk is not None:
            disk.lay_out(self._image, self.directory / "home", self._home_disk)
        if self._systemd:
            systemd.lay_out(self.directory / "changes", USER, authorized_key)

    def _lay_out_bare(self, bare: Bare, authorized_key: str, host_key: Path, neighbours: Mapping[str, str]) -> None:
        for part in ("changes/etc/ssh", "work", "root", "home"):
            (self.directory / part).mkdir(parents=True)
        self._lay_out_names(self.directory / "changes/etc", host_key, neighbours)
        systemd.lay_out_bare(self.directory / "changes", authorized_key, bare.packages)

    def _lay_out_names(self, etc: Path, host_key: Path, neighbours: Mapping[str, str]) -> None:
        (etc / "hostname").write_text(self.name + "\n")
        (etc / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in neighbours.items()))
        (etc / "resolv.conf").write_text("")
        for suffix in ("", ".pub"):
            shutil.copy(f"{host_key}{suffix}", etc / f"ssh/ssh_host_ed25519_key{suffix}")
        (etc / "ssh/ssh_host_ed25519_key").chmod(0o600)

    def boot(self) -> None:
        """Starts it, with a boot id of its own and a clock that begins near zero, as after power on. Returns at once; `wait` waits."""
        (self.directory / "boot_id").write_text(f"{uuid.uuid4()}\n")
        if self._home_disk is not None:
            disk.check(self._image)
        argv = ["nsenter", f"--net=/run/netns/{self._namespace}", "unshare", "--mount", "--uts", "--ipc", "--pid", "--time"]
        argv += ["--boottime", str(-int(time.clock_gettime(time.CLOCK_BOOTTIME))), "--monotonic", str(-int(time.monotonic()))]
        argv += ["--cgroup"] if self._systemd else []
        argv += ["--fork", "--kill-child", "--propagation", "private", "/bin/sh"]
        argv += [str(systemd.BOOT if self._systemd else BOOT), str(self.directory), self.name]
        argv = systemd.joined(self._namespace, argv) if self._systemd else argv
        cron = "yes" if shutil.which("/usr/sbin/cron") else ""
        with self.log.open("ab") as log:
            self._boot = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={
                    "PATH": os.environ["PATH"],
                    "LOWER": "/" if self._bare is None else str(self._bare.root),
                    "HOME_SIZE": self._home_size or "",
                    "HOME_DISK": "" if self._home_disk is None else str(self._image),
                    "CRON": cron,
                },
            )

    def wait(self, seconds: float = 30.0) -> None:
        """Returns when its sshd greets. Raises RuntimeError with the boot's output when it does not."""
        deadline = time.monotonic() + seconds
        while not _greets(self.address):
            assert self._boot is not None
            if self._boot.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"host {self.name} does not answer: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)

    def kill(self) -> None:
        """All its processes at once, as when the power fails. Returns when the last one is gone."""
        if self._boot is None:
            return
        pid = self._init()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)  # the kernel ends every process of the namespace before it lets pid 1 go
        else:
            self._boot.kill()
        self._boot.wait(30)
        self._boot = None
        if self._systemd:
            systemd.leave(self._namespace)

    def run(
        self, argv: Sequence[str], *, user: str = USER, input: bytes | None = None, timeout_seconds: float = 60.0, check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs `argv` on the host, beside sshd, as `user` (or root). With `check`, a failure raises RuntimeError with its output."""
        done = subprocess.run(self.enter(argv, user=user), input=input, capture_output=True, timeout=timeout_seconds, check=False)
        if check and done.returncode != 0:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise RuntimeError(f"{self.name}: {list(argv)} ended with {done.returncode}: {said[-2000:]}")
        return done

    def enter(self, argv: Sequence[str], *, user: str = USER) -> list[str]:
        """The command that runs `argv` on the host, for those who need a Popen of their own."""
        pid = self._init()
        if pid is None:
            raise RuntimeError(f"host {self.name} is down")
        ids, home = (["--reuid=0", "--regid=0"], "/root") if user == "root" else ([f"--reuid={UID}", f"--regid={UID}"], f"/home/{user}")
        clean = ["env", "-i", f"HOME={home}", f"USER={user}", f"LOGNAME={user}", f"PATH={PATH}", "LANG=C.UTF-8"]
        inside = ["nsenter", f"--target={pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--time", "--root", "--wd=/"]
        return [*inside, "setpriv", *ids, "--clear-groups", *clean, "env", "-C", home, *argv]

    def pids(self) -> dict[int, str]:
        """Its processes, by the machine's own pids, with their command lines."""
        pid = self._init()
        if pid is None:
            return {}
        space = os.readlink(f"/proc/{pid}/ns/pid")
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "ns/pid") == space:
                    found[int(entry.name)] = b" ".join(words_of(int(entry.name))).decode(errors="replace").strip()
            except OSError:
                continue  # it ended while we looked
        return found

    def path(self, inside: str) -> Path:
        """Where the machine sees the host's `inside`. Symbolic links on the way resolve on the machine: name real paths."""
        pid = self._init()
        if pid is None:
            raise RuntimeError(f"host {self.name} is down")
        return Path(f"/proc/{pid}/root", inside.lstrip("/"))

    def spoil(self) -> None:
        disk.spoil(self._image)

    def cut(self, others: Sequence[str] | None) -> None:
        network.cut(self._namespace, others)

    def close(self, port: int) -> None:
        network.close(self._namespace, port)

    def heal(self) -> None:
        network.heal(self._namespace)

    @property
    def _image(self) -> Path:
        return self.directory / "home.img"

    def _init(self) -> int | None:
        if self._boot is None or self._boot.poll() is not None:
            return None
        try:
            children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children").read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1) as link:
            link.settimeout(1)
            return link.recv(4) == b"SSH-"
    except OSError:
        return False


def _mirror_crontabs(directory: Path) -> None:
    # Debian's crontab(1) is setgid and wants exactly this owner and mode.
    directory.chmod(0o1730)
    spool = Path("/var/spool/cron/crontabs")
    if spool.is_dir():
        os.chown(directory, 0, spool.stat().st_gid)

"""Nothing in, a plot of ground out: a subnet and a directory that no other session uses; what dead sessions left is cleared first."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.hosts import disk

BASE = Path("/tmp/shipway-hosts")
NETWORK = "10.77"
TOOLS = ("ip", "nft", "nsenter", "unshare", "setpriv", "/usr/sbin/sshd", "ssh-keygen")


@dataclass(frozen=True)
class Plot:
    """`number` is the third byte of the subnet and part of every name; `lock` holds the claim while this process lives."""

    number: int
    lock: int

    @property
    def directory(self) -> Path:
        return BASE / str(self.number)

    @property
    def subnet(self) -> str:
        return f"{NETWORK}.{self.number}.0/24"

    @property
    def gateway(self) -> str:
        return f"{NETWORK}.{self.number}.1"

    @property
    def bridge(self) -> str:
        return f"sw{self.number}"

    def address(self, index: int) -> str:
        return f"{NETWORK}.{self.number}.{index + 2}"

    def namespace(self, index: int) -> str:
        return f"sw{self.number}-{index}"

    def link(self, index: int) -> str:
        return f"sw{self.number}v{index}"

    @property
    def kept(self) -> Path:
        """Exists where the hosts outlive the program that made them (`bin/hosts N up`)."""
        return self.directory / "kept"


def why_not() -> str | None:
    """Why hosts cannot be made here, in words for a skipped test; None where they can."""
    if os.geteuid() != 0:
        return "making hosts in network namespaces needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)} (bin/test installs them)" if missing else None


def claim() -> Plot:
    """A plot for this process. Whatever a dead session left, here or on other plots, is cleared first."""
    BASE.mkdir(mode=0o755, exist_ok=True)
    for plot in _free():
        clear(plot)
        os.close(plot.lock)
    for number in range(1, 255):
        found = _try(number)
        if found is not None:
            return found
    raise RuntimeError("all 254 plots are in use; bin/hosts 0 down takes kept hosts away")


def kept() -> list[Plot]:
    """The plots whose hosts were made to stay."""
    return [plot for plot in _locked() if plot.kept.exists()]


def clear(plot: Plot) -> None:
    """Processes, links, routes and files of a plot, gone and proved gone. Safe to run twice, and on half of a plot."""
    names = [name for name in _namespaces() if name.startswith(f"sw{plot.number}-")]
    _kill_everything(names)
    for link in [link for link in os.listdir("/sys/class/net") if link.startswith(f"sw{plot.number}v")]:
        _quietly("ip", "link", "del", link)  # the kernel would take them with the namespace, but only some time later
    for name in names:
        _quietly("ip", "netns", "del", name)
    _quietly("ip", "link", "del", plot.bridge)
    _quietly("ip", "route", "del", "unreachable", plot.subnet, "metric", "4000000")
    for entry in plot.directory.iterdir():
        if entry.is_mount():
            disk.unmount(entry)
        if entry.name != "lock":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def release(plot: Plot) -> None:
    """Gives the plot back; `clear` comes first unless the hosts stay."""
    os.close(plot.lock)


def _free() -> Iterator[Plot]:
    for plot in _locked():
        if plot.kept.exists() or len(list(plot.directory.iterdir())) == 1:
            os.close(plot.lock)
        else:
            yield plot


def _locked() -> Iterator[Plot]:
    if BASE.is_dir():
        for directory in sorted((d for d in BASE.iterdir() if d.name.isdecimal()), key=lambda d: int(d.name)):
            plot = _lock(int(directory.name))
            if plot is not None:
                yield plot


def _try(number: int) -> Plot | None:
    plot = _lock(number)
    if plot is not None and plot.kept.exists():
        os.close(plot.lock)
        return None
    return plot


def _lock(number: int) -> Plot | None:
    directory = BASE / str(number)
    directory.mkdir(mode=0o755, exist_ok=True)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return Plot(number, lock)


def _namespaces() -> list[str]:
    directory = Path("/run/netns")
    return [entry.name for entry in directory.iterdir()] if directory.is_dir() else []


def _kill_everything(namespaces: list[str]) -> None:
    for attempt in range(300):
        pids = [int(pid) for name in namespaces for pid in _quietly("ip", "netns", "pids", name).split()]
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01 if attempt < 100 else 0.1)
    raise RuntimeError(f"processes of {', '.join(namespaces)} do not end")


def _quietly(*argv: str) -> str:
    return subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout

"""Nothing in, the files of a bare Debian out: minbase, systemd, sshd and no python3; and, beside them, the packages that bring python3.

Made once on a machine, for it takes a minute, and read-only from then on: hosts lie as overlays above it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CACHE = Path("/var/cache/shipway-tests")
RELEASE = "bookworm"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "procps")
"""What Debian's own installer puts on a server, as far as it matters here."""

RECIPE = 2
"""Raised when what is made from the same packages changes."""

BUILD_SECONDS = 600.0
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


def why_not() -> str | None:
    """Why none can be had here; None where it can, at the latest when it is made."""
    return None if shutil.which("mmdebstrap") else "not installed: mmdebstrap (bin/test installs it)"


def bare() -> Path:
    """A directory with `root` and `packages`. Raises CalledProcessError with what the build said."""
    name = hashlib.sha256(repr((RELEASE, PACKAGES, RECIPE)).encode()).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    made = CACHE / f"bare-{name}"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            _build(CACHE / f"new-{name}")
            (CACHE / f"new-{name}").rename(made)
    return made


class Mirror:
    """A server of packages at the operator's address on the hosts' network, for as long as the hosts live."""

    def __init__(self, address: str, directory: Path) -> None:
        handler = partial(_Quiet, directory=str(directory))
        self._server = ThreadingHTTPServer((address, 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="mirror", daemon=True)
        self._thread.start()
        self.url = f"http://{address}:{self._server.server_port}/"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(30)
        self._server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def _build(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    root, packages = place / "root", place / "packages"
    packages.mkdir(parents=True)
    # What it mounts there goes with it, also when it is killed: nobody must ever remove a tree in which a part of this machine is mounted.
    _run(
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        RELEASE,
        str(root),
    )
    # What `setup` will ask apt for: fetched now, for a host of the test bed reaches nobody but the operator.
    _run("chroot", str(root), "apt-get", "-qq", "update")
    _run("chroot", str(root), "apt-get", "-qq", "-y", "--no-install-recommends", "--download-only", "install", "python3")
    archives = root / "var/cache/apt/archives"
    for package in sorted(archives.glob("*.deb")):
        shutil.move(package, packages)
    (packages / "Packages").write_text("".join(_entry(package) for package in sorted(packages.glob("*.deb"))))
    for left in (root / "var/lib/apt/lists", archives):
        for entry in left.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()


def _entry(package: Path) -> str:
    said = subprocess.run(["dpkg-deb", "--field", str(package)], capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    return f"{said.rstrip()}\nFilename: ./{package.name}\nSize: {os.path.getsize(package)}\nSHA256: {digest}\n\n"


def _run(*argv: str) -> None:
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ENVIRONMENT, timeout=BUILD_SECONDS, check=False, cwd="/"
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")

"""A host in, a login that stays open for the commands that follow out: OpenSSH's own multiplexing, where SHIPWAY_WARM_SECONDS asks for it.

The variable is for how many seconds an unused connection stays open. Without it every command logs in anew; 0 ends what was left open.
Whoever can reach the sockets is logged in, so they lie in a directory of this user alone, and nothing is left open where that cannot be.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path

from shipway.cache import cache_directory
from shipway_agent.record import dataclass

MOST_SECONDS = 86_400

EXIT_SECONDS = 2.0
"""Bound of asking whoever keeps a connection for something."""

LONGEST_PATH = 90
"""A socket's name has 107 bytes, and ssh makes it under a name that is 17 longer."""

_PLAIN = re.compile(r"[A-Za-z0-9/._+@-]+")
"""Paths that ssh's own configuration takes as they stand."""


@dataclass(frozen=True)
class Connection:
    """The place of one host's open connection. `seconds` is how long it stays open unused."""

    path: Path
    seconds: int

    @property
    def is_open(self) -> bool:
        """Whether somebody listens there. What a killed program left is taken away."""
        with socket.socket(socket.AF_UNIX) as knock:
            knock.settimeout(EXIT_SECONDS)
            try:
                knock.connect(os.fspath(self.path))
            except FileNotFoundError:
                return False
            except OSError:
                self.forget()
                return False
        return True

    @property
    def using(self) -> Mapping[str, str]:
        """Options of an ssh that goes through it, and logs in by itself where it is gone."""
        return {"ControlMaster": "no", "ControlPath": os.fspath(self.path)}

    @property
    def opening(self) -> Mapping[str, str]:
        """Options of an ssh that logs in and leaves its connection there."""
        return {"ControlMaster": "auto", "ControlPath": os.fspath(self.path), "ControlPersist": str(self.seconds)}

    def forget(self) -> None:
        """Let nobody find it: the next command logs in anew. Its program ends when its own time is over."""
        self.path.unlink(missing_ok=True)


def connection(destination: str, config: str | None, seconds_text: str) -> Connection | None:
    """Where the connection to `destination` stays open, None where none does. Raises ValueError for what are no seconds.

    It is another one for another configuration of ssh, known_hosts or agent: what a new login would not do, an open one is not used for.
    """
    if not seconds_text.isdecimal() or int(seconds_text) > MOST_SECONDS:
        raise ValueError(f"SHIPWAY_WARM_SECONDS is {seconds_text!r}; it takes seconds from 0 to {MOST_SECONDS}")
    seconds = int(seconds_text)
    if seconds == 0:
        end_all()
        return None
    folder = _folder()
    if folder is None:
        return None
    ssh = Path.home() / ".ssh"
    files = [ssh / "config", Path("/etc/ssh/ssh_config"), ssh / "known_hosts", *([Path(config)] if config else [])]
    words = [destination, os.environ.get("SSH_AUTH_SOCK", ""), *map(_state, files)]
    path = folder / blake2b("\0".join(words).encode("utf-8", "surrogateescape"), digest_size=10).hexdigest()
    if len(os.fsencode(path)) > LONGEST_PATH or not _PLAIN.fullmatch(os.fspath(path)):
        return None
    return Connection(path, seconds)


@cache
def end_all() -> None:
    """End every connection that was left open, once in a process; within 2 s, for one that hangs ends by itself later."""
    folder = _folder()
    if folder is None:
        return
    found = [path for path in folder.iterdir() if path.is_socket()]
    asked = [_exit(path) for path in found]
    until = time.monotonic() + EXIT_SECONDS
    for child in asked:
        try:
            child.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    for path in found:
        path.unlink(missing_ok=True)


def _exit(path: Path) -> subprocess.Popen[bytes]:
    argv: Sequence[str] = ["ssh", "-F", "none", "-o", f"ControlPath={path}", "-O", "exit", "--", "shipway"]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _folder() -> Path | None:
    """The directory of the sockets, made where it lacks; None where it is not this user's alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(runtime) / "shipway" if runtime else cache_directory() / "ssh"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    alone = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return folder if alone else None


def _state(file: Path) -> str:
    try:
        found = file.stat()
    except OSError:
        return f"{file} -"
    return f"{file} {found.st_ino} {found.st_size} {found.st_mtime_ns}"

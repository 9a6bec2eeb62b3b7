"""Lines of ours and a marker in, the user's crontab with exactly these of ours out; the lines of others stay byte for byte.

The table is read and written by crontab(1) alone. One that cannot be read is never replaced.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager

from shipway_agent.errors import AgentError
from shipway_agent.surroundings import PATH, account
from shipway_agent.typed import TYPE_CHECKING, Iterator, List, Sequence

if TYPE_CHECKING:
    import subprocess

COMMAND_SECONDS = 5.0
LOCK_SECONDS = 10.0

PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-"
"""Letters that a shell takes as they are."""

DAEMONS = frozenset({"cron", "crond", "fcron", "dcron", "bcron"})
"""Names under which a daemon that reads crontabs runs."""


def read() -> bytes:
    """The user's table; empty where there is none. Raises AgentError `crontab` where that cannot be told."""
    said = _crontab("-l")
    if said.returncode == 0:
        return said.stdout
    words = said.stderr.decode("utf-8", "replace").strip()
    # Vixie's and cronie's words, and busybox's. Anything else may hide a table that is there.
    if said.returncode == 1 and ("no crontab for" in words or ("can't open" in words and "No such file" in words)):
        return b""
    raise AgentError("crontab", f"the crontab cannot be read: {words or f'crontab -l ended with {said.returncode}'}")


def put(marker: str, lines: Sequence[str]) -> bool:
    """Have exactly `lines` among those that end with `marker`; none takes them away. True when the table changed.

    Raises AgentError `crontab`: it cannot be read, cannot be written, or does not hold afterwards what was written.
    """
    if any("\n" in line for line in lines):
        raise AgentError("crontab", "a line of a crontab cannot hold a path with a line break in it")
    with _lock():
        before = read()
        wanted = merged(before, marker, lines)
        if wanted == before:
            return False
        written = _crontab("-", wanted) if wanted else _crontab("-r")
        if written.returncode != 0:
            words = written.stderr.decode("utf-8", "replace").strip()
            raise AgentError("crontab", f"the crontab cannot be written: {words or f'crontab ended with {written.returncode}'}")
        if not read().endswith(wanted):  # some put a comment of their own in front
            raise AgentError("crontab", "the crontab does not hold what was written to it")
    return True


def merged(before: bytes, marker: str, lines: Sequence[str]) -> bytes:
    """A table with exactly `lines` of ours, each with `marker` behind it. What others wrote stays, in its order. Pure."""
    parts = before.split(b"\n")
    end = b" " + marker.encode()
    ours = [line.encode() + end for line in lines]
    if [part for part in parts if part.endswith(end)] == ours:
        return before
    theirs = b"\n".join(part for part in parts if not part.endswith(end))
    if ours and theirs and not theirs.endswith(b"\n"):
        theirs += b"\n"
    return theirs + b"".join(line + b"\n" for line in ours)


def is_read() -> bool:
    """Whether a daemon that reads crontabs runs here. True as well where processes of others are hidden from us."""
    if not os.access("/proc/1/stat", os.R_OK):
        return True
    return any(_name(pid) in DAEMONS for pid in os.listdir("/proc") if pid.isdigit())


def _name(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _crontab(word: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    import subprocess  # many a deployment finds everything as it should be, and runs nothing

    environment = {"PATH": PATH, **os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(["crontab", word], input=given, capture_output=True, timeout=COMMAND_SECONDS, env=environment, check=False)
    except OSError as error:
        raise AgentError("crontab", f"there is no crontab(1) to run here: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise AgentError("crontab", f"crontab {word} did not end within {COMMAND_SECONDS:g} s") from None


@contextmanager
def _lock() -> Iterator[None]:
    """One at a time for all applications of this user: between reading and writing, another's line would be lost."""
    home = account().home
    try:
        fd = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise AgentError("crontab", f"{home} cannot be opened: {error.strerror}") from None
    until = time.monotonic() + LOCK_SECONDS
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise AgentError("crontab", "another deployment changes the crontab at this moment") from None
                time.sleep(0.05)
        yield
    finally:
        os.close(fd)


def escaped(words: List[str]) -> str:
    """A command line as a crontab takes it: for /bin/sh, with each % protected, which would end the line."""
    return " ".join(_quoted(word) for word in words).replace("%", "\\%")


def _quoted(word: str) -> str:
    return word if word and not word.strip(PLAIN) else "'" + word.replace("'", "'\"'\"'") + "'"

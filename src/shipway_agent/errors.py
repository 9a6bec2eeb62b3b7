"""A fault of the kernel in, a refusal with a code and a path out: what the agent says when it cannot go on."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager

from shipway_agent.typed import Any, Dict, Iterator, Mapping, Sequence, Tuple


class AgentError(Exception):
    """A refusal as it travels to the operator.

    `code` is one word for programs, `message` a sentence for people that names the path or the process, `lines` the last
    output where there is any, `facts` JSON values that explain it.
    """

    def __init__(self, code: str, message: str, lines: Sequence[str] = (), **facts: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.lines = tuple(lines)
        self.facts = facts

    def to_json(self) -> Dict[str, Any]:
        """The payload of a refusal frame."""
        return {"code": self.code, "message": self.message, "lines": list(self.lines), "facts": dict(self.facts)}


class Missing(AgentError):
    """The path is not there."""

    def __init__(self, path: str) -> None:
        super().__init__("missing", f"{path} does not exist", path=path)


class Exists(AgentError):
    """The path is there already, and what was asked for would have written over it."""

    def __init__(self, path: str) -> None:
        super().__init__("exists", f"{path} exists already", path=path)


class Foreign(AgentError):
    """Something at a path of ours is not ours: another owner, a symbolic link, or another kind of file."""

    def __init__(self, path: str, found: str) -> None:
        message = f"{path} {found}; Shipway touches only what it made itself. Look at it, and move it away if nobody needs it"
        super().__init__("foreign", message, path=path, found=found)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Turn an OSError inside into an AgentError that names `path`."""
    try:
        yield
    except OSError as error:
        raise from_os(error, path) from error


def from_os(error: OSError, path: str) -> AgentError:
    """The refusal for a fault of the kernel at `path`: disk-full, read-only, denied, missing, exists, foreign, io, too-long, system."""
    number = error.errno or 0
    if number == errno.ENOENT:
        return Missing(path)
    if number == errno.EEXIST:
        return Exists(path)
    if number == errno.ELOOP:
        return Foreign(path, "is a symbolic link")
    if number == errno.ENOTDIR:
        return Foreign(path, "is not a directory")
    code, says = SAYINGS.get(number, (SYSTEM, os.strerror(number) if number else str(error)))
    facts: Dict[str, Any] = {"path": path, "errno": errno.errorcode.get(number, str(number))}
    if number == errno.ENOSPC:
        free_bytes, free_inodes = _room(path)
        facts.update(free_bytes=free_bytes, free_inodes=free_inodes)
        if free_inodes == 0:
            says = "no inodes are left on the file system (df -i shows it)"
    return AgentError(code, f"{path}: {says}", **facts)


SAYINGS: Mapping[int, Tuple[str, str]] = {
    errno.ENOSPC: ("disk-full", "no space is left on the file system (df shows it)"),
    errno.EDQUOT: ("disk-full", "this user's disk quota is used up (quota shows it)"),
    errno.EROFS: ("read-only", "the file system is mounted read-only"),
    errno.EACCES: ("denied", "this user may not do that here"),
    errno.EPERM: ("denied", "this user may not do that here"),
    errno.EIO: ("io", "the disk reported an error; what was written last cannot be trusted"),
    errno.ENAMETOOLONG: ("too-long", "the name is longer than the file system allows"),
}
"""Code and words of the faults that a person can mend."""

SYSTEM = "system"
"""The code of all others."""


def _room(path: str) -> Tuple[int, int]:
    """Free bytes and inodes for an ordinary user at `path` or the nearest directory above it; file systems without inodes count as -1."""
    while path and path != "/":
        try:
            found = os.statvfs(path)
        except OSError:
            path = os.path.dirname(path)
            continue
        return found.f_bavail * found.f_frsize, found.f_favail if found.f_files else -1
    return -1, -1

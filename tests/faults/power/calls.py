"""Lines of strace in, what processes did to the file system below one directory out, in order: effects on files and names, and syncs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

TRACED = (
    "open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,sendfile,"
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,chmod,fchmod,fchmodat,"
    "fsync,fdatasync,sync_file_range,syncfs,sync,msync,clone,clone3,fork,vfork"
)
OPTIONS = ("-f", "-qq", "-y", "-xx", "-s", "1000000000", "-e", f"trace={TRACED}", "-e", "signal=none")
"""What strace must be told so that this can read it."""

LINE = re.compile(r"(\d+) +(.*)")
CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)(.*)", re.DOTALL)
UNFINISHED, RESUMED = " <unfinished ...>", re.compile(r"<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
DETACHED = "<detached ...>"
"""How a call ends that was under way when strace was told to go: whether it came to anything nobody knows."""
UNKNOWN = "???("
"""A call of a thread that was killed before strace could ask which one it was: it had not begun."""

DESCRIPTOR = re.compile(r"(AT_FDCWD|-?\d+)<([^>]*)>(\(deleted\))?")
SELF = re.compile(r"/proc/self/fd/(\d+)(/.*)?")

UNREAD = frozenset(
    ["sendfile", "copy_file_range", "fallocate", "syncfs", "sync", "msync", "sync_file_range", "writev", "pwritev", "pwritev2"],
)
"""Calls that would change a file or sync it in a way that nothing here follows: one that succeeds below the directory is an error."""


@dataclass(frozen=True)
class Call:
    """One that succeeded: its name, its arguments as bytes, numbers or words, its answer; `began` counts the calls ended before it began.

    A descriptor stands as the path it is open under; `deleted` says that nothing is there any more.
    """

    name: str
    args: tuple[bytes | str, ...]
    answer: bytes | int
    began: int
    deleted: bool = False


def calls(lines: Iterable[str], skip: int = 0) -> Iterator[Call]:
    """All that ended well behind the first `skip` lines. Raises ValueError for a line that cannot be read."""
    begun: dict[str, tuple[str, int]] = {}
    ended = 0
    known = Descriptors()
    for number, line in enumerate(lines):
        match = LINE.match(line.rstrip("\n"))
        if match is None:
            raise ValueError(f"not a line of strace: {line[:200]}")
        thread, text = match.groups()
        began = ended
        if text.endswith(UNFINISHED):
            begun[thread] = (text.removesuffix(UNFINISHED), ended)
            continue
        if resumed := RESUMED.match(text):
            first, began = begun.pop(thread)
            text = first + resumed[2]
        call = CALL.match(text)
        if call is None:
            if text.startswith(("+++", "---", "exit", UNKNOWN)) or text.endswith(DETACHED):
                continue
            raise ValueError(f"not a call of strace: {line[:200]}")
        name, inside, answer, rest = call.groups()
        known.see(thread, inside)
        if answer == "?" or int(answer) < 0:
            continue
        if name in ("clone", "clone3", "fork", "vfork"):
            known.born(answer, thread)
            continue
        opened = DESCRIPTOR.match(answer + rest)
        if opened:
            known.see(thread, answer + rest)
        if number < skip:
            continue
        args = tuple(_argument(part, known, thread) for part in _parts(inside))
        ended += 1
        yield Call(name, args, _path(opened[2]) if opened else int(answer), began, deleted="(deleted)" in inside)


def is_torn(lines: Iterable[str]) -> bool:
    """Whether a process died in a call: what the call did is there, and nobody has seen it come back."""
    begun: dict[str, bool] = {}
    torn = False
    for line in lines:
        match = LINE.match(line.rstrip("\n"))
        if match is not None:
            thread, text = match.groups()
            torn = torn or text.endswith(" = ?")
            if not text.startswith("+++"):
                begun[thread] = text.endswith(UNFINISHED)
    return torn or any(begun.values())


class Descriptors:
    """Under which path each thread, or whoever it descends from, last used a descriptor: for names like /proc/self/fd/7/journal.db."""

    def __init__(self) -> None:
        self._paths: dict[tuple[str, str], bytes] = {}
        self._last: dict[str, bytes] = {}
        self._parents: dict[str, str] = {}

    def see(self, thread: str, text: str) -> None:
        for number, path, _ in DESCRIPTOR.findall(text):
            self._paths[thread, number] = self._last[number] = _path(path)

    def born(self, thread: str, parent: str) -> None:
        self._parents[thread] = parent

    def path(self, thread: str, number: str) -> bytes:
        """What a thread knows the descriptor as; else the thread that made it; else whoever used that number last."""
        seen: str | None = thread
        while seen is not None:
            if (seen, number) in self._paths:
                return self._paths[seen, number]
            seen = self._parents.get(seen)
        return self._last.get(number, b"")


def _parts(inside: str) -> list[str]:
    """Arguments: commas in strings are hex, and those in braces or brackets belong to what is in them."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(inside) if "{" in inside or "[" in inside else ():
        if letter in "{[":
            depth += 1
        elif letter in "}]":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(inside[start:at])
            start = at + 1
    if not parts and depth == 0 and start == 0:
        return [part.strip() for part in inside.split(",")]
    return [part.strip() for part in [*parts, inside[start:]]]


def _argument(part: str, known: Descriptors, thread: str) -> bytes | str:
    if part.startswith('"'):
        text = _bytes(part.strip('"'))
        by_descriptor = SELF.fullmatch(text.decode("latin-1"))
        if by_descriptor:
            return known.path(thread, by_descriptor[1]) + (by_descriptor[2] or "").encode("latin-1")
        return text
    opened = DESCRIPTOR.match(part)
    return _path(opened[2]) if opened else part


def _path(hexed: str) -> bytes:
    return _bytes(hexed)


def _bytes(hexed: str) -> bytes:
    return bytes.fromhex(hexed.replace("\\x", ""))

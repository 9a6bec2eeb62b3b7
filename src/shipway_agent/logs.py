"""A root's logs directory in; logs that never outgrow their bound, and their last lines, out.

Processes write to their log themselves, with O_APPEND, so that a dead daemon loses no line. So a log is rotated by copying and truncating:
what is written between the two is lost, and nothing else.
"""

from __future__ import annotations

import os

from shipway_agent.folder import NEW, Folder
from shipway_agent.text import MAX_LINE, last_lines
from shipway_agent.typed import FrozenSet, List, NamedTuple, Optional, Tuple

FOLDER = "logs"
SUFFIX = ".log"
MOST_BYTES = 10 * 1024 * 1024
KEPT = 3
"""Files of one log: the one that grows, and the older ones `.1` and `.2`."""

TAIL_BYTES = 256 * 1024
JOB = "job."
DIGITS = "0123456789"


class OfProcess(NamedTuple):
    """What the name of a log says whose it is."""

    process: str
    instance: int
    generation: int


def log_of(process: str, instance: int, generation: int) -> str:
    """The name of an instance's log. Each generation has its own: what a candidate says is not lost among the lines of what serves."""
    return f"{process}.{instance}.{generation:06}{SUFFIX}"


def whose(name: str) -> Optional[OfProcess]:
    """What the name of a process's log says; None for any other name."""
    parts = name.rsplit(".", 3)
    if len(parts) < 4 or f".{parts[3]}" != SUFFIX:
        return None
    process, instance, generation, _ = parts
    if not process or not instance or len(generation) < 6 or (instance + generation).strip(DIGITS):
        return None
    return OfProcess(process, int(instance), int(generation))


def log_of_job(job: str) -> str:
    """The name of a periodic job's log, whichever generation it runs in. No process has a log of that form."""
    return f"{JOB}{job}{SUFFIX}"


def logs_of(logs: Folder, process: str) -> List[str]:
    """The logs of a process: of its newest generation, by instance; none where it never ran."""
    found = [of for name in logs.names() if (of := whose(name)) is not None and of.process == process]
    newest = max((of.generation for of in found), default=0)
    return [log_of(*of) for of in sorted(found, key=lambda of: of.instance) if of.generation == newest]


def forget(logs: Folder, keep: FrozenSet[int]) -> List[str]:
    """Remove the logs of every generation but these, the older files too; the names of those removed."""
    gone = []
    for name in logs.names():
        of = whose(name if name.endswith(SUFFIX) else name.rstrip(DIGITS).rstrip("."))
        if of is not None and of.generation not in keep:
            logs.unlink(name)
            gone.append(name)
    return gone


def hand_over(logs: Folder, old: str, new: str) -> None:
    """What writes to the log `old` is of another generation from now on: it goes on in the same file, under the name `new`."""
    if logs.stat(new) is None:
        for number in range(KEPT):
            if logs.stat(_numbered(old, number)) is not None:
                logs.rename(_numbered(old, number), _numbered(new, number))


def open_log(logs: Folder, name: str) -> int:
    """A descriptor that appends to the log, not inherited; the caller closes it."""
    return logs.file(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def rotate(logs: Folder, most_bytes: int = MOST_BYTES) -> List[str]:
    """Rotate each log that has outgrown `most_bytes`; the names of those that had. Work is bounded however much a process wrote."""
    grown = []
    for name in logs.names():
        found = logs.stat(name) if name.endswith(SUFFIX) else None
        if found is not None and found.st_size > most_bytes:
            _rotate(logs, name, most_bytes)
            grown.append(name)
    return grown


def last(logs: Folder, name: str, count: int) -> List[str]:
    """The last `count` lines that say something, from the older files too; no escape sequences. None there is no line."""
    lines: List[str] = []
    for number in range(KEPT):
        if len(lines) >= count:
            break
        raw = _tail(logs, _numbered(name, number))
        if raw is None:
            break
        lines = last_lines(raw, count) + lines
    return lines[-count:] if count > 0 else []


def since(logs: Folder, name: str, offset: int, count: int) -> List[str]:
    """The last `count` lines written after the log had `offset` bytes; all of it where it was rotated since."""
    size = size_of(logs, name)
    raw = _tail(logs, name, offset if offset <= size else 0)
    return last_lines(raw, count) if raw else []


def read_on(logs: Folder, name: str, at: int) -> Tuple[List[str], int, bool]:
    """The whole lines that stand behind the byte `at`, where to go on, and whether more was written than could be read.

    A log that is shorter than that was rotated since: it is read from its beginning.
    """
    start = at if at <= size_of(logs, name) else 0
    raw, end = _read(logs, name, start)
    whole = raw.rfind(b"\n") + 1
    left_out = start != at or end - start > TAIL_BYTES
    if not whole and len(raw) < MAX_LINE:
        return [], start, left_out
    return last_lines(raw[: whole or None], len(raw)), end - (len(raw) - whole if whole else 0), left_out


def end_of_lines(logs: Folder, name: str) -> Tuple[int, bool]:
    """Where the last whole line of a log ends, and whether nothing stands behind that."""
    raw, end = _read(logs, name, 0)
    left = len(raw) - (raw.rfind(b"\n") + 1)
    return end - left, not left


def size_of(logs: Folder, name: str) -> int:
    """Bytes in a log, 0 where there is none."""
    found = logs.stat(name)
    return found.st_size if found is not None else 0


def _rotate(logs: Folder, name: str, most_bytes: int) -> None:
    for number in range(KEPT - 2, 0, -1):
        if logs.stat(_numbered(name, number)) is not None:
            logs.rename(_numbered(name, number), _numbered(name, number + 1))
    aside = f"{NEW}{name}"
    logs.unlink(aside)
    source = logs.file(name, os.O_RDWR)
    try:
        copy = logs.file(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            size = os.fstat(source).st_size
            offset = max(0, size - most_bytes)
            while offset < size + most_bytes:  # one that writes faster than we copy loses lines instead of filling the disk
                sent = os.sendfile(copy, source, offset, 1 << 20)
                if sent == 0:
                    break
                offset += sent
        finally:
            os.close(copy)
        logs.rename(aside, _numbered(name, 1))
        os.ftruncate(source, 0)
    finally:
        os.close(source)


def _tail(logs: Folder, name: str, start: int = 0) -> Optional[bytes]:
    return _read(logs, name, start)[0] if logs.stat(name) is not None else None


def _read(logs: Folder, name: str, start: int) -> Tuple[bytes, int]:
    """What stands behind `start`, the last TAIL_BYTES of it at most and from the beginning of a line, and where the log ends."""
    fd = logs.file(name)
    try:
        size = os.fstat(fd).st_size
        first = max(start, size - TAIL_BYTES)
        raw = os.pread(fd, size - first, first) if size > first else b""
    finally:
        os.close(fd)
    # What was cut in the middle of a line is no line, unless there is nothing else: a program that never ends its line is heard too.
    return ((raw.partition(b"\n")[2] or raw) if first > start else raw), first + len(raw) if raw else max(size, start)


def _numbered(name: str, number: int) -> str:
    return f"{name}.{number}" if number else name

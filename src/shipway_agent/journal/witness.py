"""A root and the number of its newest event in; out, a loud stop where the journal has lost what it once had on disk.

SQLite takes a log that was cut short for one that ended there, and an absent file for a new one: it would go on from an earlier day
without a word. So the number of the newest event also stands in a small file beside the journal, written after each commit and never
synced: it may be behind the journal, never ahead of it.
"""

from __future__ import annotations

import os

from shipway_agent.errors import AgentError
from shipway_agent.root import Root

FILE = "journal.mark"
DIGITS = 20

WAY_OUT = (
    "what serves goes on, and nothing else is done here. `shipway doctor ENVIRONMENT --fix` makes a sound one of what can still be read of "
    "it, and says what cannot be known any more"
)


def way_out() -> str:
    """What a person can do about a journal that cannot be trusted."""
    return WAY_OUT


def mark(root: Root, seq: int) -> None:
    """Note that event `seq` is on disk. A fault is not told: the next event notes more."""
    try:
        fd = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=root.fd)
        try:
            os.pwrite(fd, b"%0*d\n" % (DIGITS, seq), 0)
        finally:
            os.close(fd)
    except OSError:
        pass


def marked(root: Root) -> int:
    """The number that the file holds; 0 where it holds none."""
    try:
        fd = os.open(FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=root.fd)
        try:
            text = os.read(fd, DIGITS + 1)
        finally:
            os.close(fd)
    except OSError:
        return 0
    return int(text) if text.strip().isdigit() else 0


def refuse_absent(root: Root, file: str) -> None:
    """Raises AgentError `journal` where there is no journal in a root that had one."""
    found = root.stat(file)
    if found is not None and found.st_size > 0:
        return
    if marked(root) or root.read_link("current") is not None or root.names("generations"):
        message = f"{root.full(file)} is gone, or empty, although this root has had deployments: {way_out()}"
        raise AgentError("journal", message, path=root.full(file))


def refuse_shorter(root: Root, file: str, noted: int, newest: int) -> None:
    """Raises AgentError `journal` where the mark, read as `noted` before the journal, is ahead of its newest event."""
    if noted > newest:
        message = f"{root.full(file)} ends with event {newest}, and had event {noted} on disk: a part of it is lost; {way_out()}"
        raise AgentError("journal", message, path=root.full(file), newest=newest, noted=noted)

"""A folder in; out, a block in which no other program of this host does the same to it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import Iterator

from shipway_agent.errors import AgentError
from shipway_agent.folder import Folder


@contextmanager
def alone(folder: Folder, lock: str, what: str) -> Iterator[None]:
    """The lock goes with the block, and with whoever dies in it. Raises AgentError `point-busy`: its restore points are being `what`."""
    fd = folder.file(lock, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AgentError("point-busy", f"a restore point of {folder.name} is being {what} already") from None
        yield
    finally:
        os.close(fd)

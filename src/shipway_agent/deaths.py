"""Pids and a poll object in; out, a wake-up when one of those processes ends, also of one that is no child of ours."""

from __future__ import annotations

import os
import select
from typing import Callable, Dict, Iterable, Optional

# Python 3.9 has it where it was built against a kernel that has it.
_open: Optional[Callable[[int], int]] = getattr(os, "pidfd_open", None)


class Deaths:
    """Keeps one descriptor a process registered with `poll`, which reports it when the process has ended."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._fds: Dict[int, int] = {}

    def watch(self, pids: Iterable[int]) -> bool:
        """Watch exactly these from now on; True when the kernel will report each of them, False when somebody has to look now and then."""
        wanted = set(pids)
        for pid in set(self._fds) - wanted:
            old = self._fds.pop(pid)
            self._poll.unregister(old)
            os.close(old)
        for pid in wanted - set(self._fds):
            fd = _descriptor(pid)
            if fd is not None:
                self._fds[pid] = fd
                self._poll.register(fd, select.POLLIN)
        return wanted <= set(self._fds)


def _descriptor(pid: int) -> Optional[int]:
    if _open is None:
        return None
    try:
        return _open(pid)
    except OSError:  # gone already, an old kernel, or no descriptor left
        return None

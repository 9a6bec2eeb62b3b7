"""The command of a job in, the same below a keeper out, which writes down how it ended: a supervisor may die and come back meanwhile.

Only the parent of a process learns its exit code, and a supervisor that was killed is no parent any more. So a small one stands between
the two: it leads the session, holds nothing of ours, and writes one line at the end.
"""

from __future__ import annotations

import os
import sys

from shipway_agent.errors import Missing
from shipway_agent.root import Root
from shipway_agent.typed import NamedTuple, Optional, Sequence, Tuple

FOLDER = "run"
ROOM = b" " * 63 + b"\n"
"""What the result is written over: a disk that is full by then cannot refuse it."""

KEEPER = """import os, signal, sys, time
result = int(sys.argv[1])
os.set_inheritable(result, False)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(sys.argv[2], sys.argv[2:], os.environ)
    except OSError as error:
        os.write(2, f"shipway: cannot start {sys.argv[2]}: {error.strerror}\\n".encode("utf-8", "backslashreplace"))
    os._exit(127)
for fd in (0, 1, 2):
    os.close(fd)
status = os.waitpid(pid, 0)[1]
code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
os.pwrite(result, f"{code} {time.time():.3f}".encode(), 0)
os.fsync(result)
"""
"""The whole program. SIGTERM goes to the group, and so to the keeper too, which has to outlive what it keeps."""


class Result(NamedTuple):
    """How a command ended: its exit code (negative: the signal), and when, in seconds since the epoch."""

    exit: int
    ended: float


def argv_under_keeper(argv: Sequence[str], result_fd: int) -> Tuple[str, ...]:
    """What to execute so that `argv` runs and its end is written to that descriptor, which must be inherited."""
    return (sys.executable, "-I", "-S", "-X", "utf8", "-c", KEEPER, str(result_fd), *argv)


def open_result(root: Root, token: str) -> int:
    """A descriptor for the result of a run that is about to begin, not inherited yet; the caller closes it."""
    with root.at(FOLDER, create=True, mode=0o700) as folder:
        fd = folder.file(_name(token), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, ROOM)
    os.fsync(fd)
    return fd


def result_of(root: Root, token: str) -> Optional[Result]:
    """How a run ended, None where nobody wrote that down."""
    try:
        words = root.read(f"{FOLDER}/{_name(token)}").split()
        return Result(int(words[0]), float(words[1]))
    except (Missing, IndexError, ValueError):
        return None


def forget_result(root: Root, token: str) -> None:
    """The result is in the journal."""
    with root.at(FOLDER, create=True, mode=0o700) as folder:
        folder.unlink(_name(token))


def _name(token: str) -> str:
    return f"job.{token}"

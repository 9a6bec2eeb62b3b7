"""The agent of one host dies at every system call that changes something, once and twice; or that call fails for want of a disk."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.case import Case, Family, Group
from tests.faults.ground import ENVIRONMENT, Ground
from tests.faults.groups.host import SUPERVISOR, running
from tests.faults.groups.network import converges, told_in_full
from tests.faults.trial import Trial

CHANGING = (
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,unlink,unlinkat,rmdir,"
    "fsync,fdatasync,pwrite64,ftruncate,chmod,fchmod,fchmodat"
)
"""What changes a file system; `write` is the channel's, and a file's content counts once it is synced and renamed."""

PYTHON = "/usr/local/bin/python3"
COUNT = "/tmp/agent-faults"
LOG = "/tmp/agent-calls"

WRAPPER = """#!/bin/sh
# The first {COUNT} agents that a driver starts run under strace, which strikes them; all others are left alone.
left=$(cat {count} 2>/dev/null || echo 0)
if [ "$left" -gt 0 ] && [ "$1" = -I ]; then
    echo $((left - 1)) >{count}
    exec strace --seccomp-bpf -f -A -o {log} -e trace={changing} {inject} /usr/bin/python3 "$@"
fi
exec /usr/bin/python3 "$@"
"""


def lay(ground: Ground, host: str, inject: str, times: int) -> None:
    """From here on the next `times` agents of the host are struck. An empty `inject` only counts their calls."""
    option = f"-e inject={CHANGING}:{inject}" if inject else ""
    text = WRAPPER.format(COUNT=times, count=COUNT, log=LOG, changing=CHANGING, inject=option)
    write = f"cat >{PYTHON} && chmod 755 {PYTHON} && echo {times} >{COUNT} && chmod 666 {COUNT} && rm -f {LOG}"
    ground.hosts.run(host, ["sh", "-c", write], user="root", input=text.encode())


def lift(ground: Ground, host: str) -> None:
    """Agents run as before."""
    ground.hosts.run(host, ["rm", "-f", PYTHON, COUNT], user="root")


def calls(ground: Ground, host: str) -> int:
    """How many changing calls one thread of the agent makes at most in a whole deployment: strace counts for each thread."""
    ground.author.commit(ground.settings(ground.times))
    lay(ground, host, "", 1)
    try:
        ground.project.run("deploy", ENVIRONMENT)
    finally:
        lift(ground, host)
    return most(log(ground, host))


def most(said: str) -> int:
    """How many calls of strace's log belong to the thread that made most of them."""
    threads = Counter(line.split()[0] for line in said.splitlines() if "(" in line)
    assert threads, "strace saw no call"
    return max(threads.values())


def log(ground: Ground, host: str) -> str:
    """What strace wrote of all agents that it struck or counted."""
    return ground.hosts.run(host, ["cat", LOG], user="root").stdout.decode(errors="replace")


def is_certain(number: int, calls: int) -> bool:
    """Whether each run comes to this call: a few more or less are the scheduler's."""
    return number <= calls * 0.9 - 2


def deaths(ground: Ground) -> Iterable[Case]:
    host = ground.names[-1]
    count = calls(ground, host)
    for number in range(1, count + 1):
        for times in (1, 2):
            again = " and the next one too" if times == 2 else ""
            strike = _strike(host, f"signal=SIGKILL:when={number}", times, certain=is_certain(number, count))
            yield Case(f"killed at changing call {number}{again}", strike)


def errors(ground: Ground) -> Iterable[Case]:
    host = ground.names[-1]
    count = calls(ground, host)
    for number in range(1, count + 1):
        for error in ("EIO", "ENOSPC", "EROFS"):
            strike = _strike(host, f"error={error}:when={number}", 1, certain=is_certain(number, count))
            yield Case(f"{error} at changing call {number}", strike)


def _strike(host: str, inject: str, times: int, *, certain: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        trial.commit()
        lay(trial.ground, host, inject, times)
        try:
            drive = trial.drive("deploy")
            drive.ended()
        finally:
            lift(trial.ground, host)
        said = log(trial.ground, host)
        trial.expect(not certain or "INJECTED" in said or "killed by SIGKILL" in said, f"nothing was struck:\n{said[-2000:]}")
        told_in_full(trial, drive, host)
        trial.struck()
        converges(trial)

    return run


def supervisor_deaths(ground: Ground) -> Iterable[Case]:
    """The supervisor is struck by a strace that attaches to it before the deployment begins."""
    host = ground.names[-1]
    seen = ground.place / "supervisor-calls"
    ground.author.commit(ground.settings(ground.times))
    with attached(ground, host, "-o", str(seen)):
        ground.project.run("deploy", ENVIRONMENT)
    count = most(seen.read_text(errors="replace"))
    for number in range(1, count + 1):
        strike = _struck_supervisor(host, number, certain=is_certain(number, count))
        yield Case(f"the supervisor is killed at changing call {number}", strike)


def _struck_supervisor(host: str, number: int, *, certain: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        trial.commit()
        inject = f"inject={CHANGING}:signal=SIGKILL:when={number}"
        with attached(trial.ground, host, "-o", os.devnull, "-e", inject) as pid:
            drive = trial.drive("deploy")
            drive.ended()
            lives = pid in running(trial.ground, host, SUPERVISOR)
        trial.expect(not (certain and lives), "the supervisor was not struck")
        told_in_full(trial, drive, host)
        trial.struck()
        converges(trial)

    return run


@contextmanager
def attached(ground: Ground, host: str, *options: str) -> Iterator[int]:
    """The supervisor of a host, by this machine's pid, under strace while the block lasts."""
    (pid,) = running(ground, host, SUPERVISOR)
    strace = subprocess.Popen(["strace", "-f", "-qq", "-e", f"trace={CHANGING}", *options, "-p", str(pid)])
    try:
        deadline = time.monotonic() + 30
        while not _is_traced(pid):
            assert time.monotonic() < deadline, "strace does not attach"
            time.sleep(0.02)
        yield pid
    finally:
        strace.terminate()
        strace.wait()


def _is_traced(pid: int) -> bool:
    return "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")


GROUP = Group(
    "agent",
    (Family("killed-2", 2, deaths), Family("errors-2", 2, errors), Family("supervisor-2", 2, supervisor_deaths)),
)

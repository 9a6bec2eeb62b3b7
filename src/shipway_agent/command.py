"""A command line and what somebody types in, what it writes (as it comes) and its exit code out: in the release that serves.

The body of the call are frames of one letter and the rest: `d` bytes for its stdin, `e` the end of that, `s` a new size of the terminal,
`a` how many bytes of what it wrote have been taken. It is never more than WINDOW_BYTES ahead of them: a slow reader slows it down. In the
same way what it has not read of its stdin is counted by whoever types, from the events `taken`; so neither direction waits for the other.
"""

from __future__ import annotations

import fcntl
import os
import pty
import secrets
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from base64 import b64encode
from collections import deque

from shipway_agent.apply import pointed
from shipway_agent.call import Call
from shipway_agent.errors import AgentError
from shipway_agent.group import MARKER, Instance, kill_whole, known
from shipway_agent.primitives import generations
from shipway_agent.surroundings import defaults, identity, with_tools
from shipway_agent.typed import Any, Deque, Dict, List, Mapping, Optional, Tuple

WINDOW_BYTES = 256 * 1024
READ_BYTES = 32 * 1024
LOOK_SECONDS = 0.05
SETTLE_SECONDS = 0.3
"""How long output is still read after it has ended, while something it left behind holds the pipe open."""

KILL_SECONDS = 5.0
CANNOT_START = 127

ON_A_TERMINAL = """import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_DFL)
try:
    os.execvpe(sys.argv[1], sys.argv[1:], os.environ)
except OSError as error:
    os.write(2, f"{sys.argv[1]} cannot be started: {error.strerror}\\r\\n".encode())
    os._exit(127)
"""
"""Only a process itself can make a terminal its own; between fork and exec of a program with threads nothing may run. What whoever started
us ignores (Ctrl-C, behind a shell's `&`) means something again on a terminal."""


def execute(call: Call) -> Dict[str, Any]:
    """{"exit", "generation"}: `exit` is negative for a signal. What it leaves in the background is ended with it.

    `argv` is run without a shell, in the root of the live release, with the environment of the process `process` (none: what all have).
    With `terminal` ({"rows", "columns", "term"}) it has one; else stdout and stderr are two. Raises AgentError `no-generation`,
    `no-process`, `stuck`.
    """
    argv = [str(word) for word in call.args["argv"]]
    document, number = _live(call)
    environment = _environment(call, document, number)
    token = secrets.token_hex(8)
    marker = f"exec/{call.root.digest}/{token}"
    environment[MARKER] = marker
    told = {"id": token, "program": argv[0], "who": str(call.args.get("who", "")), "generation": number}
    call.named().event("exec", "", told)
    code: Optional[int] = None
    try:
        code = _run(call, argv, document, environment, marker)
    finally:
        call.named().event("exec ended", "", {"id": token, "exit": code})
    return {"exit": code, "generation": number}


def _run(call: Call, argv: List[str], document: Mapping[str, Any], environment: Dict[str, str], marker: str) -> int:
    release = call.root.full(f"releases/{document['release']}")
    terminal = call.args.get("terminal")
    try:
        running = _on_a_terminal(argv, release, environment, terminal) if terminal else _on_pipes(argv, release, environment)
    except OSError as error:
        call.emit({"event": "bytes", "stream": 2, "data": _coded(f"{argv[0]} cannot be started: {error.strerror}\n".encode())})
        return CANNOT_START
    with running:
        leader = known(running.child.pid)
        whole = Instance(marker, running.child.pid, leader.start if leader else None)
        for work in (_listen, _type):
            threading.Thread(target=work, args=(call, running), name=f"exec{work.__name__}", daemon=True).start()
        try:
            _tell(call, running)
        finally:
            left = kill_whole(whole, KILL_SECONDS)
        if left:
            pids = [process.pid for process in left]
            raise AgentError("stuck", f"processes {pids} of the command do not end even by SIGKILL", pids=pids)
        return running.child.wait(KILL_SECONDS)


class _Running:
    """A child, the descriptor that its stdin is written to, those that it writes to by stream, and what nobody has taken yet."""

    def __init__(self, child: subprocess.Popen[bytes], stdin: int, streams: Mapping[int, int], *, terminal: bool) -> None:
        self.child = child
        self.stdin: Optional[int] = stdin
        self.streams = dict(streams)
        self.terminal = terminal
        self.untyped: Deque[bytes] = deque()
        self.untaken = 0
        self.gone = False
        self.changed = threading.Condition()

    def __enter__(self) -> _Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_stdin()
        for fd in set(self.streams) - ({self.stdin} if self.stdin is not None else set()):
            try:
                os.close(fd)
            except OSError:
                pass  # a terminal has one descriptor for both ways

    def close_stdin(self) -> None:
        """The end of what is typed. A terminal is told so by the character that means it."""
        with self.changed:
            fd, self.stdin = self.stdin, None
            self.changed.notify_all()
        if fd is None:
            return
        if self.terminal:
            self.write_to(fd, b"\x04")
        else:
            os.close(fd)

    @staticmethod
    def write_to(fd: int, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(fd, view) :]
        except OSError:
            pass  # it reads no more; that is its own affair


def _live(call: Call) -> Tuple[Mapping[str, Any], int]:
    number = pointed(call.root)
    document = generations.read(call.root, number) if number is not None else None
    if number is None or document is None:
        raise AgentError("no-generation", "nothing serves on this host, so there is no release to run a command in")
    return document, number


def _environment(call: Call, document: Mapping[str, Any], number: int) -> Dict[str, str]:
    env = generations.env_of(call.root, number)
    process = call.args.get("process")
    names = sorted(str(one["name"]) for one in document.get("processes", ()))
    if process is not None and process not in names:
        raise AgentError("no-process", f"no process {process!r} is on this host; there is {', '.join(names) or 'none'}", process=process)
    own = env.get("process", {}).get(process, {}) if process is not None else {}
    return with_tools({**defaults(), **env.get("common", {}), **own, **identity(document)}, call.root.path, document)


def _on_pipes(argv: List[str], directory: str, environment: Mapping[str, str]) -> _Running:
    child = subprocess.Popen(
        argv,
        cwd=directory,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        umask=0o022,
    )
    assert child.stdin is not None and child.stdout is not None and child.stderr is not None
    stdin, out, err = (os.dup(stream.fileno()) for stream in (child.stdin, child.stdout, child.stderr))
    for stream in (child.stdin, child.stdout, child.stderr):
        stream.close()
    return _Running(child, stdin, {out: 1, err: 2}, terminal=False)


def _on_a_terminal(argv: List[str], directory: str, environment: Mapping[str, str], terminal: Mapping[str, Any]) -> _Running:
    ours, theirs = pty.openpty()
    try:
        _resize(ours, int(terminal["rows"]), int(terminal["columns"]))
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", ON_A_TERMINAL, *argv],
            cwd=directory,
            env={**environment, "TERM": str(terminal.get("term") or "dumb")},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            umask=0o022,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return _Running(child, ours, {ours: 1}, terminal=True)


def _resize(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows & 0xFFFF, columns & 0xFFFF, 0, 0))


def _listen(call: Call, running: _Running) -> None:
    """What the operator sends, until the call is over. Whoever goes away takes the command with him."""
    try:
        for frame in call.body:
            letter, rest = frame[:1], frame[1:]
            if letter in (b"d", b"e"):
                with running.changed:
                    running.untyped.append(rest if letter == b"d" else b"")
                    running.changed.notify_all()
            elif letter == b"s" and running.terminal:
                rows, columns = struct.unpack(">HH", rest)
                _resize(next(iter(running.streams)), rows, columns)
            elif letter == b"a":
                with running.changed:
                    running.untaken -= int.from_bytes(rest, "big")
                    running.changed.notify_all()
    except (AgentError, OSError, struct.error):
        pass
    with running.changed:
        running.gone = True
        running.changed.notify_all()


def _type(call: Call, running: _Running) -> None:
    """Write to its stdin what has come for it, as it reads."""
    while True:
        with running.changed:
            while not running.untyped and not running.gone and running.stdin is not None:
                running.changed.wait()
            if running.gone or running.stdin is None:
                return
            data, stdin = running.untyped.popleft(), running.stdin
        if not data:
            running.close_stdin()
            return
        running.write_to(stdin, data)
        call.emit({"event": "taken", "bytes": len(data)})


def _tell(call: Call, running: _Running) -> None:
    """Pass on what it writes until it has ended and its output too, or nobody is there any more."""
    poll = select.poll()
    for fd in running.streams:
        poll.register(fd, select.POLLIN)
    left, ended_at = set(running.streams), float("inf")
    while left and not running.gone:
        if running.child.poll() is not None:
            ended_at = min(ended_at, time.monotonic())
            if time.monotonic() > ended_at + SETTLE_SECONDS:
                return
        with running.changed:
            if running.untaken >= WINDOW_BYTES:
                running.changed.wait(LOOK_SECONDS)
                continue
        for fd, _ in poll.poll(LOOK_SECONDS * 1000):
            try:
                data = os.read(fd, READ_BYTES)
            except OSError:  # EIO: the last one that had the terminal has closed it
                data = b""
            if not data:
                poll.unregister(fd)
                left.discard(fd)
                continue
            with running.changed:
                running.untaken += len(data)
            call.emit({"event": "bytes", "stream": running.streams[fd], "data": _coded(data)})
    while not running.gone and running.child.poll() is None:
        time.sleep(LOOK_SECONDS)  # it has closed its output and still runs


def _coded(data: bytes) -> str:
    return b64encode(data).decode("ascii")

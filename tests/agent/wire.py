"""A session in a process of its own, and the plainest operator there can be: frames written and read one by one."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import shipway_agent
from shipway_agent.protocol import ANSWER, BODY, EVENT, REFUSAL, REQUEST, START, Frame, Unpacking, load, pack, pack_json, read_frame

SOURCES = str(Path(shipway_agent.__file__).parent.parent)
BOUND_SECONDS = 30.0


class Wire:
    """One session. `call` asks and waits; `ask` and `hear` do the two halves."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self.child = child
        self.number = 0
        self.heard: list[Frame] = []
        self.unpacking = Unpacking()

    def ask(self, name: str, args: Mapping[str, Any] | None = None) -> int:
        """Send a request; its number."""
        self.number += 1
        self.write(pack_json(REQUEST, self.number, {"call": name, "args": dict(args or {})}))
        return self.number

    def body(self, number: int, *parts: bytes) -> None:
        """Send a body and its end."""
        for part in (*parts, b""):
            self.write(pack(BODY, number, part))

    def write(self, data: bytes) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(data)
        self.child.stdin.flush()

    def hear(self, number: int) -> dict[str, Any]:
        """The end of one request: its answer, or {"refused": …}. Frames of others are kept in `heard`."""
        found = next((frame for frame in self.heard if _ends(frame, number)), None)
        while found is None:
            frame = self.next()
            assert frame is not None, "the session ended"
            self.heard.append(frame)
            found = frame if _ends(frame, number) else None
        self.heard.remove(found)
        return load(found.payload) if found.kind == ANSWER else {"refused": load(found.payload)}

    def next(self) -> Frame | None:
        """The next frame, None at the end."""
        assert self.child.stdout is not None
        ready, _, _ = select.select([self.child.stdout], [], [], BOUND_SECONDS)
        assert ready, "nothing was heard"
        frame = read_frame(cast(BinaryIO, self.child.stdout))
        return None if frame is None else self.unpacking.frame(frame)

    def call(self, name: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self.hear(self.ask(name, args))

    def events(self, number: int) -> list[dict[str, Any]]:
        """Events of one request heard so far."""
        return [load(frame.payload) for frame in self.heard if frame.kind == EVENT and frame.number == number]

    def end(self) -> int:
        """End stdin and wait for the exit code."""
        assert self.child.stdin is not None
        self.child.stdin.close()
        return self.child.wait(BOUND_SECONDS)


def _ends(frame: Frame, number: int) -> bool:
    return frame.number == number and frame.kind in (ANSWER, REFUSAL)


@contextmanager
def session(root: Path, *, python: str = sys.executable, agent: Path | None = None, before: str = "") -> Iterator[Wire]:
    """Start `serve` on a root, from the sources or from an `agent` file; `before` is Python that runs ahead of it."""
    program = (
        f"import sys; sys.path.insert(0, {SOURCES!r})\n{before}\nfrom shipway_agent.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    how: Sequence[str] = [str(agent)] if agent else ["-c", program]
    argv = [python, "-I", "-S", *how, "serve", "--root", str(root), "--name", "a"]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    try:
        assert child.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(child.stdout.fileno(), 1)
            assert byte, child.stderr and child.stderr.read()
            line += byte
        assert line.startswith(START), line
        yield Wire(child)
    finally:
        child.kill()
        child.wait(BOUND_SECONDS)
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                stream.close()


def until(seconds: float = BOUND_SECONDS) -> Iterator[None]:
    """Turns of a loop that waits for a condition; fails at the end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds:g} s")

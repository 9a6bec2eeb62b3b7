"""A real root with one leased deployment and one generation, for tests of steps and tasks; nothing that they start is left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shipway_agent import clock, group
from shipway_agent.call import Call, Place
from shipway_agent.journal import Journal
from shipway_agent.primitives import Context, generations
from shipway_agent.root import Root
from shipway_agent.steps import run

RELEASE = "a" * 64
DEPLOYMENT, NUMBER = "d-1", 1


class Workshop:
    """A root whose host `a` is leased to deployment d-1, number 1. `events` is what was streamed."""

    def __init__(self, home: Path, env: Mapping[str, Any]) -> None:
        self.home = home
        self.root = Root(str(home), create=True)
        self.journal = Journal(self.root)
        self.journal.name_member("a")
        self.events: list[dict[str, Any]] = []
        self.ended = threading.Event()
        self.folder = home / "releases" / RELEASE
        (self.folder / "server").mkdir(parents=True)
        self.lease(DEPLOYMENT, NUMBER)
        self.generation(NUMBER, env)

    def lease(self, deployment: str, number: int, seconds: float = 300.0) -> dict[str, Any]:
        """Ask for a lease; the reply."""
        message = {"do": "lease", "deployment": deployment, "fence": number, "owner": "ann@laptop", "seconds": seconds}
        return self.decide({**message, "lead": "a", "members": ["a"], "confirm_seconds": 60.0, "document": {}})

    def decide(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """One message to the record, as the session passes it on."""
        from shipway_agent.primitives.member import decide

        return decide(self.root, self.journal, message)

    def generation(self, number: int, env: Mapping[str, Any]) -> None:
        """A generation of the one release with these variables."""
        document = {"number": number, "release": RELEASE, "version": "v1", "environment": "production", "processes": []}
        generations.make(self.context(), {"number": number, "document": document, "env": {"common": {}, "process": {}, "task": {}, **env}})

    def context(self, key: str = "task:t", seconds: float = 60.0, *, unknown: bool = False) -> Context:
        """What a primitive is given."""
        return Context(
            self.root,
            self.root.full("proxy"),
            self.journal,
            DEPLOYMENT,
            NUMBER,
            key,
            time.monotonic() + seconds,
            self.hear,
            unknown=unknown,
            ended=self.ended,
        )

    def hear(self, event: Mapping[str, Any]) -> None:
        self.events.append(dict(event))

    def run(self, *steps: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """The answer of the call `run` with these steps."""
        args = {"deployment": DEPLOYMENT, "fence": NUMBER, "steps": list(steps), **more}
        place = Place(self.root, self.root.full("proxy"), "a", "test")
        with Call(place, args, (), self.hear, self.ended) as call:
            return run(call)

    def lines(self) -> list[str]:
        """What was streamed as output."""
        return [event["line"] for event in self.events if event["event"] == "output"]

    def states(self, key: str) -> list[str]:
        """The states of one step, as they were streamed."""
        return [event["state"] for event in self.events if event["event"] == "step" and event["key"] == key]

    def living(self) -> list[int]:
        """Processes of this root's tasks that run now."""
        mine = f"task/{self.root.digest}/"
        return [pid for pid, marker in group.marks().items() if marker.startswith(mine) and clock.process_start(pid) is not None]

    def close(self) -> None:
        for pid in self.living():
            os.kill(pid, signal.SIGKILL)
        self.journal.close()
        self.root.close()


def task(run: Any, **more: Any) -> dict[str, Any]:
    """The arguments of task.run."""
    args = {"generation": NUMBER, "name": "t", "run": run, "directory": ".", "timeout_seconds": 30.0, "check": None, "outputs": []}
    return {**args, "per_release": False, **more}


def step(key: str, do: str, args: Mapping[str, Any], timeout_seconds: float = 60.0) -> dict[str, Any]:
    """One step of a list."""
    return {"key": key, "do": do, "args": args, "timeout_seconds": timeout_seconds}


def python(program: str) -> list[str]:
    """A command that runs a few lines of Python."""
    return [sys.executable, "-c", program]


@contextmanager
def workshop(home: Path, env: Mapping[str, Any] | None = None) -> Iterator[Workshop]:
    """A workshop, cleared at the end."""
    one = Workshop(home, env or {})
    try:
        yield one
    finally:
        one.close()

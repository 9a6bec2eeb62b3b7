"""Running hosts in, what each one's link and record said at every instant out: the history that the promises are read from."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shipway_agent.primitives.seals import SPARE
from shipway_agent.pruning import WISH
from tests.hosts import Hosts

OBSERVER = Path(__file__).with_name("observer.py").read_text(encoding="utf-8")
UNDECIDED = frozenset({"leased", "prepared", "starting", "ready", "armed", "switched", "back", "restoring"})
INTENT = frozenset({"armed", "switched", "back", "restoring"})
DECISIONS = frozenset({"committed", "reverted"})
BEGIN_SECONDS = 30.0


@dataclass(frozen=True)
class Seen:
    """What one host said by `at`, and not yet at `after`, seconds since the epoch: true from some time between, until the next line's.

    `link` is a generation, `version` its label, `stages` are its newest deployments and where they stand, `lease` the deployment that
    holds it, `held` the one for which nobody writes here. `spare` is the release of which there is a spare tree, `wish` whether to prune.
    """

    after: float
    at: float
    link: int | None
    version: str
    current: int | None = None
    fence: int = 0
    lease: str | None = None
    stages: Mapping[str, str] = field(default_factory=dict)
    held: str | None = None
    spare: str = ""
    wish: bool = False

    @property
    def undecided(self) -> tuple[str, ...]:
        """Deployments that this host does not know the end of; one whose lease has run out unprepared has ended."""
        return tuple(
            name
            for name, stage in self.stages.items()
            if stage in INTENT or (stage in UNDECIDED and self.lease == name) or (stage not in DECISIONS and self.held == name)
        )

    @property
    def open(self) -> bool:
        """Whether something with an intent is undecided here, or somebody waits for the end of something."""
        return self.held is not None or any(stage in INTENT for stage in self.stages.values())


class Watch:
    """Observers on all hosts, each a process there. One whose host loses power is started again by `again`."""

    def __init__(self, hosts: Hosts, root: str) -> None:
        self._hosts = hosts
        self._root = root
        self._seen: dict[str, list[Seen]] = {name: [] for name in hosts.names}
        self._looked = dict.fromkeys(hosts.names, 0.0)
        self._observers: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Watch:
        for host in self._hosts.names:
            self.again(host)
        return self

    def __exit__(self, *_: object) -> None:
        for observer in self._observers.values():
            observer.kill()
            observer.wait()

    def again(self, host: str) -> None:
        """Watch a host that has just been started; returns when it is seen."""
        before = self._observers.get(host)
        if before is not None:
            before.kill()
            before.wait()
        count = len(self._seen[host])
        argv = self._hosts.enter(host, ["env", "SHIPWAY_TEST_TRUE_CLOCK=1", "python3", "-u", "-c", OBSERVER, self._root, SPARE, WISH])
        self._observers[host] = observer = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        threading.Thread(target=self._listen, args=(host, observer), daemon=True).start()
        deadline = time.monotonic() + BEGIN_SECONDS
        while len(self._seen[host]) == count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"nothing is seen of host {host}")
            time.sleep(0.01)

    def now(self, host: str) -> Seen:
        """What it said last."""
        return self._seen[host][-1]

    def at_rest(self, host: str, seconds: float = 10.0) -> Seen:
        """What it says once what was there when this was called has been seen: a busy machine sees late."""
        asked = time.time()
        deadline = time.monotonic() + seconds
        while self._looked[host] < asked and time.monotonic() < deadline:
            time.sleep(0.01)
        return self._seen[host][-1]

    def during(self, host: str, began: float, ended: float) -> Sequence[Seen]:
        """All that may have been true at some time between two times, the state at the beginning included."""
        seen = self._seen[host]
        first = bisect_left(seen, began, key=lambda one: one.at)
        return seen[max(0, first - 1) : bisect_right(seen, ended, key=lambda one: one.after)]

    def since(self, began: float) -> Iterator[tuple[str, Seen]]:
        """Everything said since then, host by host."""
        for host in self._seen:
            for one in self.during(host, began, float("inf")):
                yield host, one

    def _listen(self, host: str, observer: subprocess.Popen[bytes]) -> None:
        assert observer.stdout is not None
        with observer.stdout as lines:
            for line in lines:
                said: dict[str, Any] = json.loads(line)
                if "looked" in said:
                    self._looked[host] = float(said["looked"])
                    continue
                seen = self._seen[host]
                if seen and not said["after"]:  # of an observer that was started again
                    said["after"] = seen[-1].at
                seen.append(Seen(**said))

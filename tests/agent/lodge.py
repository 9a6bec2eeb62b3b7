"""A real root with a real daemon, for tests: releases, generations, a record moved by decide messages, and everything ended after."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from shipway.transports.bundle import pack
from shipway_agent import clock, daemon, group
from shipway_agent.apply import apply
from shipway_agent.journal import Journal, ProcessRow
from shipway_agent.primitives import Context, generations
from shipway_agent.root import Root

SITE = Path(__file__).with_name("site.py")
SOURCES = Path(daemon.__file__).parent
BOUND_SECONDS = 30.0

T = TypeVar("T")


def wait(condition: Callable[[], T | None], seconds: float = BOUND_SECONDS, what: str = "") -> T:
    """The first true answer of `condition`, asked again and again; fails after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < until, f"not within {seconds:g} s: {what or condition}; last: {found!r}"
        time.sleep(0.02)


def job(name: str = "nightly", run: str | list[str] = "true", **more: Any) -> dict[str, Any]:
    """A JOB that is due each minute; `more` overrides its keys."""
    found = {"name": name, "run": run, "schedule": "* * * * *", "timezone": "UTC", "host": "a", "timeout_seconds": 60.0, "directory": "."}
    return {**found, "catch_up": False, **more}


def process(name: str = "web", listens: str | None = "port", **more: Any) -> dict[str, Any]:
    """A PROCESS that runs the small site; `more` overrides its keys."""
    health = {"page": {"path": "/up", "status": [200], "contains": "ok", "timeout_seconds": 5}, "within_seconds": 30}
    found = {"name": name, "run": [sys.executable, "site.py"], "instances": 1, "listens": listens, "health": health if listens else None}
    return {**found, "drain_seconds": 5.0, "overlap": True, "directory": ".", **more}


class Lodge:
    """One root. `home` is where it lies; the daemon runs from `agent`, the one file that travels."""

    def __init__(self, home: Path, *, name: str = "a", proxy: str | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.root = Root(str(home), create=True)
        self.proxy = proxy
        self.ended = threading.Event()
        self.journal = Journal(self.root)
        self.journal.name_member(name)
        self.name = name
        bundle = pack(SOURCES)
        with self.root.at("agent", create=True):
            self.agent = home / "agent" / f"{bundle.hash}.pyz"
        if not self.agent.exists():
            self.agent.write_bytes(bundle.data)

    # -------------------------------------------------------------- the disk

    def release(self, version: str) -> str:
        """A release that holds the small site. Its digest is made up: no test here looks into trees."""
        digest = version.encode().hex().ljust(64, "0")[:64]
        folder = Path(self.root.path) / "releases" / digest
        if not folder.exists():
            folder.mkdir(parents=True)
            shutil.copy(SITE, folder / "site.py")
        return digest

    def generation(
        self,
        number: int,
        *processes: Mapping[str, Any],
        env: Mapping[str, Mapping[str, str]] | None = None,
        jobs: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Generation `number` on disk. `env`: process → its variables."""
        document = {
            "number": number,
            "deployment": f"d-{number}",
            "release": self.release(f"v{number}"),
            "commit": "c" * 40,
            "tree": "t" * 40,
            "version": f"v{number}",
            "app": "shop",
            "environment": "test",
            "kind": "deploy",
            "who": "ann@laptop",
            "made": 0.0,
            "processes": list(processes),
            "static": None,
            "shared": [],
            "tasks": [],
            "key_pages": [],
            "domains": [],
            **({"jobs": list(jobs)} if jobs else {}),
        }
        args = {"number": number, "document": document, "env": {"common": {}, "process": env or {}, "task": {}}}
        generations.make(self.context(number), args)

    def context(self, number: int, seconds: float = BOUND_SECONDS) -> Context:
        """What a primitive is given."""
        until = time.monotonic() + seconds
        proxy = self.proxy or self.root.full("proxy")
        return Context(self.root, proxy, self.journal, f"d-{number}", number, "step", until, lambda event: None, ended=self.ended)

    # ------------------------------------------------------------ the record

    def decide(self, do: str, number: int, **more: Any) -> dict[str, Any]:
        """One message about deployment `number`; must be taken. The link is made right afterwards."""
        reply = self.journal.decide({"do": do, "deployment": f"d-{number}", "fence": number, **more}, clock.boot_now())
        assert reply["ok"], (do, reply)
        apply(self.root, self.journal)
        return reply

    def lease(
        self,
        number: int,
        seconds: float = 60.0,
        confirm_seconds: float = 60.0,
        lead: str = "",
        members: tuple[str, ...] = (),
        **document: Any,
    ) -> None:
        """A lease for deployment `number`, by default of a fleet of this host alone."""
        self.decide(
            "lease",
            number,
            owner="ann@laptop",
            seconds=seconds,
            lead=lead or min(members or (self.name,)),
            members=members or (self.name,),
            confirm_seconds=confirm_seconds,
            document=document,
        )

    def switch(self, number: int, **lease: Any) -> None:
        """Everything up to the switch, undecided."""
        self.lease(number, **lease)
        for do in ("vote", "start"):
            self.decide(do, number)
        self.wait_up(number)
        for do in ("ready", "arm"):
            self.decide(do, number)
        self.root.link("current", generations.place(number))
        self.decide("switched", number)

    def serve(self, number: int) -> None:
        """A whole deployment, committed: generation `number` is current."""
        self.switch(number)
        self.decide("commit", number)
        self.decide("finish", number)

    # ------------------------------------------------------------ the daemon

    def ensure(self) -> int:
        """The daemon's pid."""
        return int(daemon.ensure(self.root, str(self.agent), self.proxy)["pid"])

    def pid(self) -> int | None:
        answer = daemon.ask(self.root, {"hello": True})
        return int(answer["pid"]) if answer is not None else None

    def kill_daemon(self) -> None:
        """SIGKILL, and wait until it is gone."""
        pid = self.pid()
        assert pid is not None
        start = clock.process_start(pid)
        os.kill(pid, signal.SIGKILL)
        wait(lambda: not group.alive(pid, start), what="the daemon is gone")

    def rows(self, generation: int | None = None) -> list[ProcessRow]:
        return self.journal.processes(generation)

    def row(self, generation: int, name: str = "web", instance: int = 1) -> ProcessRow | None:
        return self.journal.process(generation, name, instance)

    def wait_up(self, generation: int) -> list[ProcessRow]:
        """The rows of a generation's listeners once all are up."""

        def up() -> list[ProcessRow] | None:
            wanted = sum(p["instances"] for p in (generations.read(self.root, generation) or {})["processes"] if p["listens"])
            rows = [row for row in self.rows(generation) if row.state == "up" and row.healthy and row.address]
            return rows if len(rows) == wanted else None

        if not any(p["listens"] for p in (generations.read(self.root, generation) or {})["processes"]):
            return []
        return wait(up, what=f"generation {generation} is up: {self.rows(generation)}")

    def wait_row(
        self, generation: int, name: str = "web", instance: int = 1, *, state: str = "up", besides: int | None = None
    ) -> ProcessRow:
        """The row of a copy once it is in `state`; `besides` is a pid that it must not have any more."""

        def there() -> ProcessRow | None:
            row = self.row(generation, name, instance)
            return row if row is not None and row.state == state and (besides is None or row.pid != besides) else None

        return wait(there, what=f"{name}.{instance} of generation {generation} is {state}: {self.rows()}")

    def log(self, name: str = "supervisor") -> str:
        """What "supervisor", or the newest generation of a copy such as "web.1", has written."""
        folder = Path(self.root.path) / "logs"
        paths = sorted([*folder.glob(f"{name}.log"), *folder.glob(f"{name}.[0-9]*.log")])
        return paths[-1].read_text() if paths else ""

    def living(self) -> dict[int, str]:
        """Pid → marker of every process of this root's app."""
        return {
            pid: marker
            for pid, marker in group.marks().items()
            if marker.removeprefix("job/").startswith(f"{self.root.digest}/") and clock.process_start(pid)
        }

    def close(self) -> None:
        """End the daemon and every process of this root, whatever the test left."""
        self.ended.set()
        end_daemons(self.root.path)
        if os.fstat(self.root.fd).st_nlink == 0:
            self.journal.close()
            self.root.close()
            return
        instances = [group.Instance(marker) for marker in set(self.living().values())]
        for row in self.rows():
            instances.append(group.Instance("none", row.pid, row.pid_start))
        for instance in instances:
            group.kill_whole(instance, 10)
        self.journal.close()
        self.root.remove_socket_folder()
        self.root.close()


def end_daemons(root: str) -> None:
    """The one that holds the root, and each that waits for its lock and would be the next: these do not answer, but have a command line."""

    def left() -> list[int]:
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _supervises(pid, os.fsencode(root))]

    def ended() -> bool:
        for pid in left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left()

    wait(ended, what=f"no daemon of {root} is left")


def _supervises(pid: int, root: bytes) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False  # it has ended
    return b"supervise" in words and root in words[words.index(b"supervise") :][1:3]


L = TypeVar("L", bound=Lodge)


@contextmanager
def ended(one: L) -> Iterator[L]:
    """As a block, at whose end nothing of it runs; a test that fails shows its log."""
    try:
        yield one
    except BaseException:
        sys.stderr.write(one.log())
        raise
    finally:
        one.close()


def lodge(home: Path, **more: Any) -> AbstractContextManager[Lodge]:
    """A root, ended at the end."""
    return ended(Lodge(home, **more))

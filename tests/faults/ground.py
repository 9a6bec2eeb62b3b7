"""A number of hosts and times in, a fleet that serves out: real hosts, the sample application on them, everything that looks at it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shipway.transports import caddy
from tests.apps import Repository
from tests.faults import moments
from tests.faults.books import Books
from tests.faults.drive import Drive
from tests.faults.forked import Forked
from tests.faults.moments import Fault, Moment
from tests.faults.watch import Watch
from tests.hosts import Hosts
from tests.hosts.disk import Disk
from tests.hosts.fleet import name_of
from tests.stories.project import SAMPLE, Project
from tests.stories.proof import Author

APP, ENVIRONMENT = "shop", "live"
ROOT = f"/home/deploy/.shipway/apps/{APP}-{ENVIRONMENT}"
DRAIN_SECONDS = 5.0

PAGES = 4
"""Files that never change: also where all others do, most of a release is as in the one before, and its spare tree is used."""

SETTINGS = """\
app = "shop"
shared = ["media"]

[process.web]
run = "python3 app.py"
health = {{ path = "/up", contains = "ok", within_seconds = {times.health_seconds:g} }}
drain_seconds = {drain:g}

[[task]]
name = "announce"
phase = "activate"
run = "echo $SHIPWAY_GENERATION >> media/told"
undo = "echo -$SHIPWAY_GENERATION >> media/told"

[environment.live]
confirm_seconds = {times.confirm_seconds:g}
lease_seconds = {times.lease_seconds:g}
watch_seconds = {times.watch_seconds:g}
hosts = [
{hosts}
]
"""
"""A task that leaves a line each time it runs tells what was applied twice."""


@dataclass(frozen=True)
class Times:
    """The times of an environment, in seconds, and T: how long a fleet may take to decide when its driver is gone."""

    health_seconds: float = 8.0
    confirm_seconds: float = 3.0
    lease_seconds: float = 2.0
    watch_seconds: float = 0.5

    @property
    def bound_seconds(self) -> float:
        """T."""
        return self.confirm_seconds + self.health_seconds + 5.0


UNHURRIED = Times(health_seconds=60.0, confirm_seconds=60.0, lease_seconds=30.0)
"""While a fleet is set up nothing is to be proved."""

PATIENT = Times(health_seconds=30.0, confirm_seconds=7.0, lease_seconds=5.0)
"""For machines that are busy with something else."""


class Ground:
    """A standing fleet. `place` is a directory of its own; everything of it ends with the block."""

    def __init__(self, size: int, times: Times, disk: Disk | None = None, kind: str = "") -> None:
        """`kind` is of the books that the application keeps, if it keeps any."""
        self.size = size
        self.disk = disk
        self.kind = kind
        self.books: Books | None = None
        self.times = times
        self.author: Author
        self.project: Project
        self._stack = ExitStack()

    def __enter__(self) -> Ground:
        with ExitStack() as stack:
            self.place = Path(tempfile.mkdtemp(prefix="faults-"))
            stack.callback(shutil.rmtree, self.place, ignore_errors=True)
            self.hosts = stack.enter_context(Hosts(self.size, home_disk=self.disk))
            self.books = stack.enter_context(Books(self.hosts.gateway, self.kind)) if self.kind else None
            repository = self._lay_out()
            self.project = Project(repository, ENVIRONMENT, self.hosts.env)
            self.author = self.books.lay_out(repository, SAMPLE.read_text(encoding="utf-8")) if self.books else Author(repository)
            self._bring_caddy()
            for _ in range(2):  # there is something to go back to
                self.author.commit(self.settings(UNHURRIED))
                self.project.run("deploy", ENVIRONMENT)
            repository.git("clone", "--quiet", str(repository.directory), str(self.place / "elsewhere"))
            (self.place / "home").mkdir()
            self.watch = stack.enter_context(Watch(self.hosts, ROOT))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts; known before the fleet stands."""
        return tuple(name_of(index) for index in range(self.size))

    @property
    def lead(self) -> str:
        """The host whose record is the decision."""
        return self.names[0]

    @property
    def doors(self) -> dict[str, str]:
        """Where visitors come, HOST:PORT by host."""
        return {name: "{}:{}".format(*self.hosts.front(name)) for name in self.names}

    def settings(self, times: Times) -> str:
        """The text of shipway.toml with these times."""
        lines = "\n".join(f'  {{ name = "{name}", address = "deploy@{self.hosts.address(name)}" }},' for name in self.names)
        text = SETTINGS.format(times=times, hosts=lines, drain=DRAIN_SECONDS)
        return text + self.books.settings if self.books is not None else text

    def elsewhere(self, *words: str, record: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs `shipway WORDS` in the second clone with another HOME, as somebody else on another machine would.

        With a `record`, its moments are written there.
        """
        clone = self.place / "elsewhere"
        if (clone / "shipway.toml").read_bytes() != (self.project.directory / "shipway.toml").read_bytes():
            subprocess.run(["git", "pull", "--quiet", "--ff-only"], cwd=clone, check=True, stdin=subprocess.DEVNULL)
        environment = {**os.environ, **self.hosts.env, "HOME": str(self.place / "home"), "NO_COLOR": "1", "COLUMNS": "160"}
        if record is not None:
            environment[moments.VARIABLE] = moments.to_text(record, None)
        with TemporaryDirectory(dir=self.place) as directory:
            out, err = Path(directory, "out"), Path(directory, "err")
            process = Forked(words, clone, environment, out, err)
            try:
                code = process.wait(120.0)
            finally:
                process.end()
            return subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())

    def told(self, host: str) -> list[str]:
        """What the task `announce` and its undo have written on a host, oldest first."""
        try:
            return self.hosts.path(host, f"{ROOT}/shared/media/told").read_text().split()
        except FileNotFoundError:
            return []

    def journal(self, host: str, since: float = 0.0) -> list[dict[str, Any]]:
        """Events of a host's journal since a time, oldest first, read on the host by another program than the agent."""
        read = self.hosts.run(host, ["python3", "-c", JOURNAL, ROOT, str(since)])
        return [json.loads(line) for line in read.stdout.splitlines()]

    def rehearse(self, *words: str, fault: Fault | None = None, code: int | None = 0) -> list[Moment]:
        """The moments of `shipway WORDS`, which nothing but its own fault disturbs. Raises AssertionError for another exit code."""
        drive = Drive.begin(self, words, fault, Path(tempfile.mkdtemp(dir=self.place)) / "rehearsal")
        ended = drive.ended()
        assert ended == (code if fault is None else -fault.signal), drive.text
        return drive.moments

    def settled(self, seconds: float = 60.0) -> None:
        """Wait until every host is as recorded and nothing is on its way. Raises AssertionError."""
        deadline = time.monotonic() + seconds
        while any(self.watch.now(host).undecided for host in self.names):
            assert time.monotonic() < deadline, {host: self.watch.now(host) for host in self.names}
            time.sleep(0.05)

    def _bring_caddy(self) -> None:
        """50 MB that every host would be sent, packed for each, before the first case can begin; synced, as the agent does it."""
        binary = caddy.binary()
        name = caddy.digest(binary)
        put = [
            "sh",
            "-c",
            'mkdir -p "$1" && cat > "$1/$2" && chmod 555 "$1/$2" && sync "$1/$2" "$1"',
            "sh",
            f"{ROOT}/blobs/{name[:2]}",
            f"{name}.x",
        ]
        for host in self.names:
            self.hosts.run(host, put, input=binary.read_bytes())

    def _lay_out(self) -> Repository:
        repository = Repository(self.place / "shop")
        repository.write("app.py", SAMPLE.read_text(encoding="utf-8"))
        repository.write("shipway.toml", self.settings(self.times))
        for number in range(PAGES):
            repository.write(f"pages/{number}.html", f"page {number}\n")
        return repository


JOURNAL = """
import json, sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}/journal.db?mode=ro", uri=True, timeout=10)
rows = db.execute("SELECT seq, at, deployment, kind, json FROM events WHERE at >= ? ORDER BY seq", (float(sys.argv[2]),))
for seq, at, deployment, kind, text in rows:
    print(json.dumps({"seq": seq, "at": at, "deployment": deployment, "kind": kind, "data": json.loads(text)}))
"""

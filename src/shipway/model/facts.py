"""Facts: what a host says is there, typed. plan/facts.py reads the agent's answer to `look` into these; every stage may read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from shipway.model.doing import Doing, Finishing
from shipway_agent.record import dataclass, field

Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hello:
    """Who answers. `clock` is seconds since the epoch on the host, `boot_now` seconds of its boot clock.

    `why_not` says why it cannot take a release, None when it can. `after_reboot`: something starts its supervisor then; `reboot_means`
    is what could ("systemd", "cron", "" for neither), `reboot_line` what a crontab needs for it. `libc` is the C library, such as
    "glibc 2.36", where it says.
    """

    host: str
    agent: str = ""
    python: str = ""
    platform: str = ""
    libc: str = ""
    user: str = ""
    uid: int = 0
    home: str = ""
    root: str = ""
    boot_id: str = ""
    boot_now: float = 0.0
    clock: float = 0.0
    after_reboot: bool = False
    reboot_means: str = ""
    reboot_line: str = ""
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """Room below the root. None where the file system does not count (inodes on btrfs)."""

    free_bytes: int | None = None
    free_inodes: int | None = None


@dataclass(frozen=True, slots=True)
class HeldLease:
    """Who may change the host until `until`, in seconds of its boot clock."""

    deployment: str
    owner: str
    fence: int
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the host knows of one deployment; `stage` is one of shipway_agent.states. `base` was current when it armed."""

    deployment: str
    fence: int
    stage: str
    lead: str
    members: tuple[str, ...]
    confirm_seconds: float = 60.0
    base: int | None = None
    deadline: float = 0.0
    document: Json = field(default_factory=dict)
    term: int = 0

    @property
    def without(self) -> tuple[str, ...]:
        """Members of the environment that this deployment left out."""
        return tuple(str(name) for name in self.document.get("without", ()))

    @property
    def committed(self) -> bool:
        """Whether the host knows that the fleet decided for it."""
        return self.stage == "committed"

    @property
    def unsettled(self) -> bool:
        """Whether the host had an intent to switch and does not know the decision."""
        return self.stage in ("armed", "switched", "back", "restoring")


@dataclass(frozen=True, slots=True)
class Warm:
    """The generation that served before, whose listeners stay until `until`, in seconds of the host's boot clock."""

    generation: int
    until: float


@dataclass(frozen=True, slots=True)
class Held:
    """Nobody writes on the host before `deployment` is decided; once `waits` requests wait, each at most `seconds`.

    `point` is put back before the host goes back, "" where nothing was touched; `why` it could not be the last of `tries` times.
    """

    deployment: str
    seconds: int
    waits: bool = False
    point: str = ""
    tries: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """The host's record: the highest fence it has seen, what serves (`current`), and the deployments it remembers, oldest first.

    `left` names hosts that were taken out of the environment, and the number under which they were.
    """

    name: str
    term: int = 0
    fence: int = 0
    lease: HeldLease | None = None
    current: int | None = None
    attempts: tuple[Attempt, ...] = ()
    warm: Warm | None = None
    left: Mapping[str, int] = field(default_factory=dict)
    held: Held | None = None

    def attempt(self, deployment: str) -> Attempt | None:
        """The deployment of that id, None where the host never saw it."""
        return next((a for a in self.attempts if a.deployment == deployment), None)

    @property
    def unsettled(self) -> tuple[Attempt, ...]:
        """Undecided deployments that had an intent, or for which nobody writes, oldest first."""
        held = self.held.deployment if self.held is not None else ""
        return tuple(a for a in self.attempts if a.unsettled or a.deployment == held)


@dataclass(frozen=True, slots=True)
class Instance:
    """One running copy of a process, as the host's supervisor sees it. `since` is seconds since the epoch, `exit` the last exit code."""

    generation: int
    name: str
    instance: int
    state: str
    healthy: bool
    address: str = ""
    pid: int | None = None
    since: float = 0.0
    restarts: int = 0
    wanted: bool = True
    exit: int | None = None


@dataclass(frozen=True, slots=True)
class Proxy:
    """The host's Caddy: `binary` is its digest, `sites` maps the id of a site to the digest of its routes."""

    running: bool = False
    binary: str | None = None
    listen: str | None = None
    sites: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Busy:
    """A step that still runs on the host. `since` is seconds since the epoch."""

    deployment: str
    key: str
    since: float


@dataclass(frozen=True, slots=True)
class Notifications:
    """The host's outbox: how many targets it keeps, what waits, what was given up; `last_error` of the newest that failed `tries` times."""

    targets: int = 0
    waiting: int = 0
    failed: int = 0
    tries: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class LeftTask:
    """A task that ran on the host for a deployment that did not go live, and that nobody has undone or named. `undo`: it can be."""

    deployment: str
    task: str
    state: str
    undo: bool = False


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a periodic job. `due` is the time on its schedule that it is for; all times are seconds since the epoch.

    `state`: running, done, failed, timeout, lost, ended. `ended` is None while it runs, `exit` also where nobody saw it end.
    """

    due: float
    began: float
    state: str
    generation: int
    ended: float | None = None
    exit: int | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobState:
    """A periodic job of the host. `next` is seconds since the epoch; it and `schedule` are empty for one that only still runs here.

    `overdue`: times that passed without a run beginning, at most 2 are counted; `skipped` in a row while one still went on.
    """

    name: str
    schedule: str = ""
    timezone: str = ""
    next: float | None = None
    overdue: int = 0
    skipped: int = 0
    running: JobRun | None = None
    last: JobRun | None = None

    @property
    def failed(self) -> bool:
        """Whether its last run did not end well."""
        return self.last is not None and self.last.state in ("failed", "timeout", "lost")


@dataclass(frozen=True, slots=True)
class Lack:
    """What a host must still be sent for a release: blobs and their bytes."""

    blobs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Ailment:
    """One thing that is not as a host's own record says: what it is about, and a sentence."""

    check: str
    what: str


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Everything one host said. `generations` maps a number to its document; `good` holds committed numbers, newest first.

    `doing` is the deployment under way, None where none is. `lack` is None until the host was asked what it lacks of a release;
    `drift` is empty unless files were compared; `unsound` is that of its texts which is about the journal, "" where none is.
    """

    hello: Hello
    member: Member
    disk: Disk = Disk()
    link: int | None = None
    generations: Mapping[int, Json] = field(default_factory=dict)
    good: tuple[int, ...] = ()
    releases: tuple[str, ...] = ()
    processes: tuple[Instance, ...] = ()
    jobs: tuple[JobState, ...] = ()
    proxy: Proxy = Proxy()
    shared: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    busy: tuple[Busy, ...] = ()
    left: tuple[LeftTask, ...] = ()
    supervisor_running: bool = True
    peer_port: int | None = None
    notifications: Notifications = Notifications()
    doing: Doing | None = None
    draining: tuple[Finishing, ...] = ()
    cannot_ask: str = ""
    unsound: str = ""
    lack: Lack | None = None

    @property
    def live(self) -> Json | None:
        """The document of the generation that serves, None where nothing does."""
        return self.generations.get(self.member.current) if self.member.current is not None else None

    @property
    def is_stopped(self) -> bool:
        """Whether what is live is stopped and its front door closed, as ordered."""
        return bool((self.live or {}).get("closed"))

    @property
    def warm_copies(self) -> tuple[Instance, ...]:
        """The copies of the generation before that still run, so that a rollback to it starts nothing."""
        warm = self.member.warm
        if warm is None or warm.until <= self.hello.boot_now:
            return ()
        return tuple(row for row in self.processes if row.generation == warm.generation and row.state == "up" and row.address)

    @property
    def warm_seconds(self) -> float:
        """How long they still stay; 0 where none does."""
        warm = self.member.warm
        return max(0.0, warm.until - self.hello.boot_now) if warm is not None and self.warm_copies else 0.0

    def is_warm(self, generation: int) -> bool:
        """Whether every listener of that generation still runs and is healthy."""
        document = self.generations.get(generation) or {}
        wanted = {(str(p["name"]), i) for p in document.get("processes", ()) if p.get("listens") for i in range(1, int(p["instances"]) + 1)}
        up = {(row.name, row.instance) for row in self.warm_copies if row.generation == generation and row.healthy}
        return bool(wanted) and wanted <= up

    @property
    def wrongs(self) -> tuple[str, ...]:
        """What is not as this host's own record says, one sentence each: link, processes, proxy, supervisor, changed files."""
        return tuple(ailment.what for ailment in self.ailments)

    @property
    def ailments(self) -> tuple[Ailment, ...]:
        """The same, each with what it is about: `record`, `release`, `supervisor`, `process`, `proxy`, `journal`, `file`."""
        changed = tuple(Ailment("journal" if text == self.unsound else "file", text) for text in self.drift)
        document = self.live
        if self.member.current is None:
            return changed
        if document is None:
            return (Ailment("record", f"generation {self.member.current} is recorded as current and is not on disk"), *changed)
        found: list[Ailment] = []
        if self.link != self.member.current:
            found.append(Ailment("record", f"current points at generation {self.link}, the record says {self.member.current}"))
        if document["release"] not in self.releases:
            found.append(Ailment("release", f"release {str(document['release'])[:12]} is not complete on disk"))
        if not self.supervisor_running:
            found.append(Ailment("supervisor", "the supervisor does not run"))
        found += [
            Ailment("process", f"process {name}.{i} {_ailment(row)}") for (name, i), row in self.expected.items() if not self._fine(row)
        ]
        if serves(document) and not self.proxy.running:
            found.append(Ailment("proxy", "the proxy does not run"))
        return (*found, *changed)

    @property
    def expected(self) -> Mapping[tuple[str, int], Instance | None]:
        """Each instance that the live generation asks for, and the row of the one that runs; None where there is none."""
        document = self.live or {}
        rows = {(r.name, r.instance): r for r in self.processes if r.generation == self.member.current}
        wanted = [(str(p["name"]), i) for p in document.get("processes", ()) for i in range(1, int(p["instances"]) + 1)]
        return {key: rows.get(key) for key in wanted}

    @staticmethod
    def _fine(row: Instance | None) -> bool:
        return row is not None and row.state == "up" and row.healthy


def serves(document: Json) -> bool:
    """Whether a generation answers requests: it has a process that listens, or static files."""
    return bool(document.get("static")) or any(p.get("listens") for p in document.get("processes", ()))


def _ailment(row: Instance | None) -> str:
    if row is None:
        return "does not run"
    if row.state == "crashed":
        ended = f" (exit {row.exit})" if row.exit is not None else ""
        return f"is crashed{ended}; it is tried again once a minute"
    if row.state != "up":
        ended = f" (exit {row.exit})" if row.exit is not None else ""
        return f"is {row.state}{ended}"
    return "is not healthy"

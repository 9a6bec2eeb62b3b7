"""Intent: what is wanted, with no sugar left. Made by config, read by every stage after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from shipway_agent.record import dataclass, field

Command: TypeAlias = str | tuple[str, ...]

STEADY_SECONDS = 1.0
"""How long a process that does not listen must have run to count as up, where nothing else is said; hosts go by the same."""


HOLD_SECONDS = (5, 10, 30, 60, 120, 300)
"""How long at most a request may be held, seconds. The proxy has a route for each."""


class Hidden(str):
    """A value that nobody may see, at hand because a host must have it. Its repr does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "(not shown)"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a value is that nobody may see: exactly one of `command`, which prints it within `timeout_seconds`, `variable` of the

    operator's own environment, and `file`, encrypted in the repository. A flow puts the value in its place, as Hidden, before anything
    is planned.
    """

    command: Command | None = None
    variable: str = ""
    file: str = ""
    timeout_seconds: float = 30.0


Env: TypeAlias = Mapping[str, str | Reference]


@dataclass(frozen=True, slots=True)
class Page:
    """A page to ask for and what a good answer is. `status` lists the codes that are good; times are seconds."""

    path: str
    status: tuple[int, ...] = (200,)
    contains: str | None = None
    timeout_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """When a candidate counts as healthy: `page` answers well within `within_seconds` of its start."""

    page: Page
    within_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Process:
    """A long-running command. `listens` says how it is reached; None for a worker. An empty `roles` means every host.

    `scaled_from` is what shipway.toml says where `instances` are as `shipway scale` ordered, else None.
    """

    name: str
    run: Command
    roles: tuple[str, ...] = ()
    instances: int = 1
    listens: Literal["port", "socket"] | None = None
    health: Health | None = None
    drain_seconds: float = 30.0
    overlap: bool = True
    steady_seconds: float = STEADY_SECONDS
    directory: str = "."
    env: Env = field(default_factory=dict)
    scaled_from: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A command that ends. `once` runs it on one host of the fleet; `outputs` are paths of the tree that it writes."""

    name: str
    run: Command
    phase: Literal["prepare", "activate"] = "prepare"
    roles: tuple[str, ...] = ()
    once: bool = False
    timeout_seconds: float = 600.0
    directory: str = "."
    env: Env = field(default_factory=dict)
    check: Command | None = None
    undo: Command | None = None
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A task with a schedule: five fields as in a crontab, meant by the clock of `timezone`. One host of those with its roles runs it.

    `catch_up`: one run makes up for what was due while that host was down.
    """

    name: str
    run: Command
    schedule: str
    timezone: str = "UTC"
    catch_up: bool = False
    roles: tuple[str, ...] = ()
    timeout_seconds: float = 600.0
    directory: str = "."
    env: Env = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Build:
    """Commands that run once in a clean checkout; `outputs` join the release. `on` is "local" or the address of a build host."""

    run: tuple[Command, ...] = ()
    outputs: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 1800.0
    on: str = "local"


@dataclass(frozen=True, slots=True)
class Tool:
    """Programs that travel with the application. `name` is node or python; `version` is whole, or the first numbers of one."""

    name: str
    version: str
    mirror: str | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """A machine, or a root on this one (`address` = "local"). `listen` is where its proxy takes requests."""

    name: str
    address: str
    roles: tuple[str, ...] = ()
    root: str | None = None
    listen: str | None = None
    peer: str | None = None


@dataclass(frozen=True, slots=True)
class Requires:
    """What must hold before a deployment begins."""

    clean: bool = True
    branch: str | None = None
    checks: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that nobody may see. `variable` names where the operator's own environment holds it; without one, `text` is it."""

    variable: str = ""
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Email:
    """Mail to `to`, through `server` (smtp://USER@HOST:PORT)."""

    to: tuple[str, ...]
    sender: str
    server: str
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told by the hosts themselves: exactly one of `webhook`, `email` and `command`. `on`: failure, success, always."""

    on: tuple[str, ...] = ("failure",)
    webhook: Secret | None = None
    email: Email | None = None
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """Who gives the certificates of the domains. `directory` is the ACME URL, "" for Let's Encrypt; `authority` who is trusted there: in

    what config makes the path of a file of the repository, in what is planned its text.
    """

    issuer: Literal["acme", "internal", "off"] = "acme"
    directory: str = ""
    authority: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Copies:
    """Another place that gets a copy of each restore point, as it is written, and how many of them stay there."""

    to: str
    keep: int = 30


@dataclass(frozen=True, slots=True)
class Data:
    """What must not be lost. `url` and `admin_url` name variables; `path` lies at or below a shared path. `leave_out` are tables or paths.
    `mask` has an expression of SQL for each column that nobody outside may see.

    `points` says before what a deployment takes one. An empty `roles` means every host: the first that fits takes them.
    """

    name: str
    driver: Literal["postgres", "sqlite", "files"]
    url: str = ""
    admin_url: str = ""
    path: str = ""
    roles: tuple[str, ...] = ()
    env: Env = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    points: Literal["changes", "always", "never"] = "changes"
    keep: int = 5
    keep_days: float | None = None
    schedule: str | None = None
    timezone: str = "UTC"
    timeout_seconds: float = 3600.0
    copies: tuple[Copies, ...] = ()
    mask: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Migrations:
    """How the schema of the data named `data` changes with a release. `path` is "" for where the adapter looks by itself.

    `held` has all of them run while requests wait, each at most `hold_seconds`. `refuse` names what is not deployed.
    """

    adapter: Literal["django", "alembic", "sql", "commands"]
    data: str
    run: Command | None = None
    show: Command | None = None
    reverse: Command | None = None
    path: str = ""
    directory: str = "."
    held: bool = False
    hold_seconds: int = 60
    lock_seconds: float = 10.0
    refuse: tuple[Literal["breaking", "destructive", "irreversible"], ...] = ()
    timeout_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Environment:
    """A named set of hosts and settings. All times are seconds. `without` are members that one deployment leaves out: not in `hosts`."""

    name: str
    hosts: tuple[Host, ...]
    domains: tuple[str, ...] = ()
    requires: Requires = Requires()
    env: Env = field(default_factory=dict)
    key_pages: tuple[Page, ...] = ()
    confirm_seconds: float = 60.0
    lease_seconds: float = 30.0
    watch_seconds: float = 5.0
    keep_releases: int = 5
    keep_warm_seconds: float = 0.0
    notify: tuple[Notify, ...] = ()
    strategy: Literal["together", "rolling"] = "together"
    batch_hosts: int = 1
    floor_hosts: int = 1
    without: tuple[Host, ...] = ()
    tls: Tls = Tls()
    data: tuple[Data, ...] = ()


@dataclass(frozen=True, slots=True)
class Shipment:
    """What the shipped commit's own shipway.toml says: how to build it and how to run it."""

    app: str
    processes: tuple[Process, ...] = ()
    tasks: tuple[Task, ...] = ()
    build: Build = Build()
    shared: tuple[str, ...] = ()
    static: str | None = None
    assets: tuple[str, ...] = ()
    env: Env = field(default_factory=dict)
    jobs: tuple[Job, ...] = ()
    toolchain: tuple[Tool, ...] = ()
    migrations: Migrations | None = None

    @property
    def ending(self) -> tuple[Task | Job, ...]:
        """Every command that ends: what a deployment runs, and what runs by the clock. Names are of one kind."""
        return (*self.tasks, *self.jobs)


@dataclass(frozen=True, slots=True)
class Intent:
    """Everything wanted of one environment: its hosts and settings from HEAD, processes and tasks from the shipped commit."""

    app: str
    subdirectory: str
    environment: Environment
    shipment: Shipment

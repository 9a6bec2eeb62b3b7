"""Plan: what will be done on each host, with its barriers. Data only; the planner makes it, execute walks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from shipway.model.migration import Pending
from shipway_agent.record import dataclass, field

Json: TypeAlias = Mapping[str, Any]

Kind = Literal[
    "deploy",
    "rollback",
    "revert",
    "release",
    "prepare",
    "repair",
    "remove",
    "host remove",
    "restart",
    "scale",
    "stop",
    "start",
    "maintenance",
    "restore",
    "migrate",
]


@dataclass(frozen=True, slots=True)
class Step:
    """One primitive of the agent with its arguments. `key` is its name in journal, events and report, unique per host."""

    key: str
    do: str
    args: Json = field(default_factory=dict)
    title: str = ""
    timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Wave:
    """Steps that may run on all hosts at once; a barrier stands behind it. Hosts that are not named do nothing."""

    name: str
    phase: Literal["prepare", "activate", "start"]
    steps: Mapping[str, tuple[Step, ...]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Hosts that start, switch and are proved together, while the others serve.

    `looks` are what is asked of every other host that serves, right before; at least `floor` of them must be well.
    """

    hosts: tuple[str, ...]
    looks: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    floor: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A deployment as data. `number` is its fencing number and generation; `lead` the first member by id.

    `verify` and `finish` are one step list per host. `document` is what every host journals with the lease.
    `batches` are empty where all hosts go at once; `again` proves with the last batch what earlier ones have proved, once more.
    `after` is done once nothing of the release before runs any more, which is waited for for `gone_seconds`; the commit stands without it.
    `after_if_seen` where only the host's look says whether there is anything to do then.
    `pending` are the migrations that it is about, where any are declared.
    """

    kind: Kind
    app: str
    environment: str
    release: str
    number: int
    lead: str
    members: tuple[str, ...]
    waves: tuple[Wave, ...]
    switch: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    verify: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    finish: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    after: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    after_if_seen: bool = False
    gone_seconds: float = 0.0
    undo: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    batches: tuple[Batch, ...] = ()
    again: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    document: Json = field(default_factory=dict)
    lease_seconds: float = 30.0
    confirm_seconds: float = 60.0
    watch_seconds: float = 5.0
    notes: tuple[str, ...] = ()
    pending: Pending | None = None

    @property
    def nothing_to_do(self) -> bool:
        """Whether every host already serves exactly this."""
        return not self.waves and not self.switch and not self.finish

"""What a host remembers to decide by: the record as dataclasses, and as the JSON that its journal keeps. Pure."""

from __future__ import annotations

from shipway_agent.record import dataclass, field
from shipway_agent.states import INTENT
from shipway_agent.typed import Any, Dict, Mapping, Optional, Tuple


@dataclass(frozen=True)
class Lease:
    """Who may change this host until `until`, in seconds of the boot clock."""

    deployment: str
    owner: str
    fence: int
    since: float
    until: float


@dataclass(frozen=True)
class Attempt:
    """What this host knows of one deployment.

    `fence` is the number of the deployment and of its generation `target`; `base` is what was current when the intent was
    journalled, None where nothing was; `deadline` counts on the boot clock. `document` says what is shipped and by whom.
    `term` is that of its driver, and once it is decided that under which the decision was written.
    """

    deployment: str
    fence: int
    stage: str
    lead: str
    members: Tuple[str, ...]
    confirm_seconds: float
    base: Optional[int] = None
    deadline: float = 0.0
    document: Mapping[str, Any] = field(default_factory=dict)
    term: int = 0

    @property
    def target(self) -> int:
        return self.fence


@dataclass(frozen=True)
class Warm:
    """The generation that served before the last commit: its listeners stay until `until`, in seconds of the boot clock."""

    generation: int
    until: float


@dataclass(frozen=True)
class Held:
    """Nobody writes on this host before `deployment` is decided: workers and jobs rest, and once `waits` requests wait, each `seconds`.

    `point` names the restore points that must be put back before this host may go back, a space between them: "" as long as the data is as
    it was. That may take `bound_seconds`; `why` it could not be the last of `tries` times.
    """

    deployment: str
    seconds: int
    waits: bool = False
    point: str = ""
    bound_seconds: float = 0.0
    tries: int = 0
    why: str = ""


@dataclass(frozen=True)
class Member:
    """All that one host needs to decide. `current` is the generation that serves, None before the first.

    `term` is higher each time that members were written off, and comes before `fence`, the highest number seen. `left` are hosts that
    are no members any more, and the number under which each left or was written off: a later deployment may take it in again. `held`
    while nobody writes here.
    """

    name: str
    term: int = 0
    fence: int = 0
    lease: Optional[Lease] = None
    current: Optional[int] = None
    attempts: Tuple[Attempt, ...] = ()
    warm: Optional[Warm] = None
    left: Mapping[str, int] = field(default_factory=dict)
    held: Optional[Held] = None

    def attempt(self, deployment: str) -> Optional[Attempt]:
        return next((a for a in self.attempts if a.deployment == deployment), None)

    def open(self) -> Tuple[Attempt, ...]:
        """Undecided attempts that had an intent, oldest first."""
        return tuple(a for a in self.attempts if a.stage in INTENT)


def to_json(member: Member) -> Dict[str, Any]:
    """The record as plain JSON values. Nothing is copied deeply: a record and its documents never change."""
    lease = None if member.lease is None else dict(vars(member.lease))
    warm = None if member.warm is None else dict(vars(member.warm))
    held = {} if member.held is None else {"held": dict(vars(member.held))}
    plain = {key: value for key, value in vars(member).items() if key != "held"}
    return {**plain, **held, "lease": lease, "warm": warm, "attempts": tuple(dict(vars(attempt)) for attempt in member.attempts)}


def from_json(value: Mapping[str, Any]) -> Member:
    """The record from its JSON form."""
    lease = Lease(**value["lease"]) if value["lease"] is not None else None
    attempts = tuple(Attempt(**{**a, "members": tuple(a["members"])}) for a in value["attempts"])
    warm = Warm(**value["warm"]) if value.get("warm") is not None else None  # records of earlier agents have none
    left = dict(value.get("left", {}))
    held = Held(**value["held"]) if value.get("held") is not None else None
    return Member(value["name"], value["term"], value["fence"], lease, value["current"], attempts, warm, left, held)

"""What a fault is called and how it is made in, how it went out: the nouns of the matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.hosts.disk import Disk

if TYPE_CHECKING:
    from tests.faults.ground import Ground
    from tests.faults.trial import Trial


@dataclass(frozen=True)
class Case:
    """One fault. `name` is the same in every run; `run` makes the fault and waits for what must follow, and may raise AssertionError.

    Cases with one `point` are variants of each other: the same call or message of the same host. Without one it is alone.
    """

    name: str
    run: Callable[[Trial], None]
    point: str = ""


@dataclass(frozen=True)
class Family:
    """Cases on fleets of one size. `cases` enumerates them from the names of the hosts; or, where it `looks`, on a standing fleet.

    One that looks says `about` how many points there are, with how many `variants` each. A case takes some `seconds`, where two fleets
    stand on two cores. A family that is `slow` is left out of samples.
    Unless it is told not to, each host has a `spare` tree when a case begins.
    With `disk` each host's /home is a file system of its own. With `books` the application keeps some, of that kind (books.py).
    """

    name: str
    hosts: int
    cases: Callable[[Ground], Iterable[Case]]
    slow: bool = False
    looks: bool = False
    about: int = 0
    variants: int = 1
    seconds: float = 4.5
    disk: Disk | None = None
    books: str = ""
    spare: bool = True


@dataclass(frozen=True)
class Group:
    """One kind of fault; a row of the table."""

    name: str
    families: tuple[Family, ...]


@dataclass(frozen=True)
class Result:
    """How a case went. `broken` are sentences, one for each broken promise; `decided_seconds` is None where nothing was to be decided.

    Of the requests some `failed`; those to a host that had no power, proxy or network then are `away`, and not among them. `evidence`
    is the directory with all that was seen, kept where something is broken. So many hosts had a spare tree at the beginning (`spares`), and
    of so many of these a release was made (`used`).
    """

    name: str
    broken: tuple[str, ...]
    seconds: float
    decided_seconds: float | None
    requests: int
    failed: int
    evidence: str = ""
    away: int = 0
    spares: int = 0
    used: int = 0

    @property
    def ok(self) -> bool:
        return not self.broken

    @property
    def group(self) -> str:
        return self.name.split("/")[0]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(value: dict[str, Any]) -> Result:
        return Result(**{**value, "broken": tuple(value["broken"])})

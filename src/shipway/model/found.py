"""What a repository turned out to be: the shipment that was made of it, and each assumption with the line it rests on."""

from __future__ import annotations

from shipway.model.intent import Shipment
from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Assumption:
    """`what` was assumed and `why`, from a line of a file (0: the file as a whole; "" where no file says it).

    `about` is the part of shipway.toml that it explains: process.web, task.install, build, static, or "" for all of it. `doubt` is
    true where somebody should look before users do.
    """

    what: str
    why: str
    about: str = ""
    file: str = ""
    line: int = 0
    doubt: bool = False

    @property
    def place(self) -> str:
        """`app.py:3`, `Procfile`, or "" where no file says it."""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def sentence(self) -> str:
        """For a person: what, why, and where it is written."""
        place = f" ({self.place})" if self.place else ""
        return f"{'LOOK: ' if self.doubt else ''}{self.what}: {self.why}{place}"


@dataclass(frozen=True, slots=True)
class Found:
    """`kind` is a word for people: Django, Node, a static site; "a command" where only --run said what to run."""

    kind: str
    shipment: Shipment
    assumptions: tuple[Assumption, ...] = ()

"""What a recogniser has understood so far in, the Found out: processes, tasks and build, and why each is as it is."""

from __future__ import annotations

import re

from shipway.model.found import Assumption, Found
from shipway.model.intent import Build, Health, Page, Process, Shipment, Task
from shipway_agent.record import dataclass, field

ANSWERS = (200, 204, 301, 302, 303, 307, 308, 401, 403, 404, 405)
"""What an application says that is at work, where nobody knows a page of it: anything but that it failed."""

HEALTH_PATHS = r"/?(?:up|healthz?|health[-_]?check|livez|readyz|ping|alive)/?"
"""A regular expression for the paths that people give to a page of health."""


OURS = ("PATH", "HOME", "USER", "LANG", "PORT", "SOCKET", "RELEASE")
"""Variables of the environment that a host sets itself."""

HEALTHY = "it is healthy when"
"""How an assumption about health begins."""


@dataclass
class Sketch:
    """A shipment in the making."""

    kind: str
    processes: list[Process] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    build: Build = field(default_factory=Build)
    shared: list[str] = field(default_factory=list)
    static: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    assumptions: list[Assumption] = field(default_factory=list)
    name: str = ""

    def assume(self, about: str, what: str, why: str, file: str = "", line: int = 0) -> None:
        """Something that was read from a file, or decided for want of one."""
        self._note(Assumption(what, why, about, file, line))

    def doubt(self, about: str, what: str, why: str, file: str = "", line: int = 0) -> None:
        """Something that may not work before somebody has looked."""
        self._note(Assumption(what, why, about, file, line, doubt=True))

    def _note(self, assumption: Assumption) -> None:
        if assumption not in self.assumptions:
            self.assumptions.append(assumption)

    def found(self, app: str) -> Found:
        """The Found; `app` is the application's name."""
        shipment = Shipment(
            app=app,
            processes=tuple(self.processes),
            tasks=tuple(self.tasks),
            build=self.build,
            shared=tuple(self.shared),
            static=self.static,
            env=dict(self.env),
        )
        return Found(self.kind, shipment, tuple(self.assumptions))


def answers_at(path: str, *also: int) -> Health:
    """Health of an application whose pages nobody knows: any answer but a failure, `also` these."""
    return Health(Page(path, status=tuple(sorted({*ANSWERS, *also}))))


def good_at(path: str) -> Health:
    """Health of a page that was made to tell it."""
    return Health(Page(path))


def as_name(text: str, otherwise: str = "app") -> str:
    """A name that shipway.toml takes: lower-case letters, digits and dashes, at most 40 long."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")
    return name or otherwise

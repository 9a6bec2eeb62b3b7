"""A `do` name in, the function that does it out. What an agent can do to a host, one subject a file, imported when first asked for."""

from __future__ import annotations

import sys
import threading

from shipway_agent.record import dataclass, field
from shipway_agent.states import DECISIONS, DISCARDED, RESTORING
from shipway_agent.typed import TYPE_CHECKING, Any, Callable, Dict, Mapping

if TYPE_CHECKING:
    from shipway_agent.journal import Journal
    from shipway_agent.root import Root


@dataclass(frozen=True)
class Context:
    """Where a step runs: given to every primitive beside its arguments.

    `journal` belongs to the thread of the step. `proxy` is the path of the proxy's root. `until` is when the step must have
    ended, on time.monotonic(); the runner does not interrupt a primitive, so each bounds its own waits by `left()`.
    `unknown` is set when an earlier try of this very step began and has no known ending. `decided` is set for what is done behind a
    decision. `ended` is set when the session's stdin has ended. `emit` streams one event to the driver; it may be called from any
    thread and never raises.
    """

    root: Root
    proxy: str
    journal: Journal
    deployment: str
    fence: int
    key: str
    until: float
    emit: Callable[[Mapping[str, Any]], None]
    unknown: bool = False
    decided: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def left(self, now: float) -> float:
        """Seconds until the step must have ended, never negative. `now` is time.monotonic()."""
        return max(0.0, self.until - now)

    def is_moot(self) -> bool:
        """Whether the deployment was decided or discarded here, or goes back, while the step ran: nobody waits for what it prepares."""
        attempt = self.journal.member().attempt(self.deployment)
        return not self.decided and attempt is not None and attempt.stage in (*DECISIONS, DISCARDED, RESTORING)


Primitive = Callable[[Context, Mapping[str, Any]], Dict[str, Any]]
"""Does one thing and answers with JSON values. Idempotent. Raises AgentError."""

WHERE: Dict[str, str] = {
    "member": "shipway_agent.primitives.member:tell",
    "tree.make": "shipway_agent.primitives.trees:make",
    "tree.verify": "shipway_agent.primitives.trees:verify",
    "toolchain.make": "shipway_agent.primitives.toolchains:make",
    "generation.make": "shipway_agent.primitives.generations:make",
    "files.lay": "shipway_agent.primitives.files:lay",
    "generation.copy": "shipway_agent.primitives.generations:copy",
    "task.run": "shipway_agent.primitives.tasks:run",
    "data.take": "shipway_agent.primitives.data:take",
    "data.restore": "shipway_agent.primitives.data:put_back",
    "migrations.look": "shipway_agent.primitives.migrations:look",
    "migrations.run": "shipway_agent.primitives.migrations:run",
    "migrations.reverse": "shipway_agent.primitives.migrations:reverse",
    "hold": "shipway_agent.primitives.hold:begin",
    "hold.rest": "shipway_agent.primitives.hold:rest",
    "task.undo": "shipway_agent.primitives.undo:undo",
    "task.name": "shipway_agent.primitives.undo:name",
    "process.start": "shipway_agent.primitives.processes:start",
    "workers.settled": "shipway_agent.primitives.processes:settled",
    "retire.watch": "shipway_agent.primitives.processes:draining",
    "peers.reach": "shipway_agent.primitives.peers:reach",
    "peers.acknowledged": "shipway_agent.primitives.peers:acknowledged",
    "notifications.keep": "shipway_agent.primitives.notifications:keep",
    "proxy.ensure": "shipway_agent.primitives.proxy:ensure",
    "switch": "shipway_agent.primitives.switch:switch",
    "prove": "shipway_agent.primitives.prove:prove",
    "serves": "shipway_agent.primitives.prove:serves",
    "certificates.see": "shipway_agent.primitives.certificates:see",
    "prune": "shipway_agent.pruning:later",
    "reboot.ensure": "shipway_agent.primitives.reboot:ensure",
}
"""Every step a host understands."""


def primitive(do: str) -> Primitive:
    """The function behind a `do` name. Raises KeyError for a name that is not in WHERE."""
    module, name = WHERE[do].split(":")
    __import__(module)  # importlib, which does the same, is half a millisecond to load
    found: Primitive = getattr(sys.modules[module], name)
    return found

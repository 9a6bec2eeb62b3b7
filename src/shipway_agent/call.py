"""What one call of an operator is given to work with: where it is, its arguments, its body, this thread's journal, a way to tell."""

from __future__ import annotations

import threading

from shipway_agent.primitives import Context
from shipway_agent.record import dataclass, field
from shipway_agent.root import Root
from shipway_agent.typed import TYPE_CHECKING, Any, Callable, Dict, Iterable, Mapping, Optional

if TYPE_CHECKING:
    from shipway_agent.journal import Journal


@dataclass(frozen=True)
class Place:
    """Where a session works: the root, the path of the proxy's root, the host's name, the hash of this agent."""

    root: Root
    proxy: str
    name: str
    agent: str


@dataclass
class Call:
    """One call. `journal` is this thread's own, opened when first asked for. `emit` streams one event and never raises."""

    place: Place
    args: Dict[str, Any]
    body: Iterable[bytes]
    emit: Callable[[Mapping[str, Any]], None]
    ended: threading.Event
    _journal: Optional[Journal] = field(default=None, repr=False)

    @property
    def root(self) -> Root:
        return self.place.root

    @property
    def journal(self) -> Journal:
        if self._journal is None:
            from shipway_agent.journal import Journal  # not by a login that only says that it works

            self._journal = Journal(self.place.root)
        return self._journal

    def context(self) -> Context:
        """For primitives that are calls of their own and no step of a deployment."""
        return Context(self.root, self.place.proxy, self.journal, "", 0, "", float("inf"), self.emit, ended=self.ended)

    def named(self) -> Journal:
        """The journal, once the root bears this host's name. Raises AgentError `name` where it belongs to another host."""
        if self.journal.member().name != self.place.name:
            self.journal.name_member(self.place.name)
        return self.journal

    def __enter__(self) -> Call:
        return self

    def __exit__(self, *_: object) -> None:
        if self._journal is not None:
            self._journal.close()

"""What one call of an operator is given to work with: where it is, its arguments, its body, this thread's journal, a way to tell."""

from __future__ import annotations

import threading

from shipway_agent.primitives import Context
from shipway_agent.record import dataclass, field
from shipway_agent.root import Root
from shipway_agent.typed import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple

if TYPE_CHECKING:
    from shipway_agent.journal import Journal


@dataclass(frozen=True)
class Place:
    """Where a session works: the root, the path of the proxy's root, the host's name, the hash of this agent."""

    root: Root
    proxy: str
    name: str
    agent: str


class Spare:
    """A journal that no call has now: opening one costs what some calls cost altogether. Of those that come at once, one has it."""

    def __init__(self) -> None:
        self._kept: List[Tuple[Journal, Tuple[int, int]]] = []

    def take(self, root: Root) -> Optional[Journal]:
        """One that is open on the file which is there now; None where there is none."""
        try:
            journal, file = self._kept.pop()
        except IndexError:
            return None
        if file == journal_file(root):
            return journal
        journal.close()  # the root was removed, or another journal was laid into it
        return None

    def give(self, journal: Journal) -> None:
        """It is not used any more; it is closed where there is one already."""
        file = journal_file(journal.root)
        if self._kept or file is None:
            journal.close()
        else:
            self._kept.append((journal, file))

    def close(self) -> None:
        while self._kept:
            self._kept.pop()[0].close()


def journal_file(root: Root) -> Optional[Tuple[int, int]]:
    """Which file the journal of a root is."""
    found = root.stat("journal.db")
    return None if found is None else (found.st_dev, found.st_ino)


@dataclass
class Call:
    """One call. `journal` is its own, taken from `spare` or opened when first asked for. `emit` streams one event and never raises."""

    place: Place
    args: Dict[str, Any]
    body: Iterable[bytes]
    emit: Callable[[Mapping[str, Any]], None]
    ended: threading.Event
    spare: Optional[Spare] = None
    _journal: Optional[Journal] = field(default=None, repr=False)

    @property
    def root(self) -> Root:
        return self.place.root

    @property
    def journal(self) -> Journal:
        if self._journal is None:
            self._journal = self.spare.take(self.place.root) if self.spare is not None else None
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
        if self._journal is not None and self.spare is not None:
            self.spare.give(self._journal)
        elif self._journal is not None:
            self._journal.close()

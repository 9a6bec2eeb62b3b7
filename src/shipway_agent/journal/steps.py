"""A journal's connection in; out, the steps of its deployments: begun, ended, and what became of those that nobody ended."""

from __future__ import annotations

import os

from shipway_agent import clock
from shipway_agent.errors import AgentError
from shipway_agent.journal import chain
from shipway_agent.journal.connection import Connection
from shipway_agent.record import dataclass, replace
from shipway_agent.typed import Any, Iterator, List, Mapping, Optional, Tuple

RELEASE = "release:"
"""What stands in place of a deployment's id for what is done once for a release."""

# The columns stand in the order of the dataclass.


@dataclass(frozen=True)
class Step:
    """One step of a deployment on this host. `state`: intent, done, failed, unknown. `data` holds its answer or its error.

    `at` is seconds since the epoch; `pid` with `pid_start` is the process that ran it.
    """

    deployment: str
    key: str
    fence: int
    state: str
    at: float
    data: Mapping[str, Any]
    pid: Optional[int] = None
    pid_start: Optional[int] = None

    @property
    def alive(self) -> bool:
        """Whether it has begun and the process that runs it still exists."""
        return self.state == "intent" and self.pid is not None and clock.process_start(self.pid) == self.pid_start


def find(journal: Connection, deployment: str, key: str) -> Optional[Step]:
    """What is known of a step, None where it never began."""
    found = journal.rows("SELECT * FROM steps WHERE deployment = ? AND key = ?", (deployment, key))
    return _step(journal, found[0]) if found else None


def of(journal: Connection, deployment: str) -> List[Step]:
    """All steps of a deployment, in the order in which they last began."""
    return [_step(journal, row) for row in journal.rows("SELECT * FROM steps WHERE deployment = ? ORDER BY rowid", (deployment,))]


def begin(journal: Connection, deployment: str, key: str, fence: int, about: Mapping[str, Any]) -> Optional[Step]:
    """Write the intent, unless the step is done, and answer what was known of it before. Raises AgentError `busy` while it still runs.

    This and what follows it here: in a block of `writing`.
    """
    before = _ended(journal, deployment, key)
    if before is not None and before.state == "done":
        return before
    if before is not None and before.alive:
        raise AgentError("busy", f"step {key} of {deployment} still runs here", deployment=deployment, key=key, since=before.at)
    pid = os.getpid()
    row = (deployment, key, fence, "intent", clock.wall_now(), "{}", pid, clock.process_start(pid))
    journal.db.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    chain.append(journal, "step", deployment, {"key": key, "state": "intent", "fence": fence, **about})
    return before


def end(journal: Connection, deployment: str, key: str, state: str, data: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write how a step ended."""
    journal.db.execute(
        "UPDATE steps SET state = ?, at = ?, json = ? WHERE deployment = ? AND key = ?",
        (state, clock.wall_now(), chain.canonical(data), deployment, key),
    )
    chain.append(journal, "step", deployment, {"key": key, "state": state, "data": data, **about})


def running(journal: Connection) -> List[Step]:
    """Steps that run now. Those whose process is gone without an ending become *unknown*."""
    begun = [_step(journal, row) for row in journal.rows("SELECT * FROM steps WHERE state = 'intent' ORDER BY at")]
    for step in begun:
        if not step.alive:
            _ended(journal, step.deployment, step.key)
    return [step for step in begun if step.alive]


def end_all(journal: Connection) -> None:
    """After a reboot nothing runs, and what had begun is *unknown*."""
    journal.db.execute("UPDATE steps SET state = 'unknown' WHERE state = 'intent'")


def verify(journal: Connection, told: chain.Told, *, whole: bool) -> None:
    """Compare those steps that `told` has with what it says, or of a journal that was read `whole` all. Raises AgentError `journal`."""
    may_lack = not whole or journal.meta(chain.CUT) is not None
    gone = {where for where in told if not where[0].startswith(RELEASE)}  # those go with their release
    for deployment, key, state, text in _rows(journal, None if whole else told):
        gone.discard((deployment, key))
        last = told.get((deployment, key), {})
        if not last and may_lack:
            continue
        # What was under way at a reboot became unknown without an event of its own; what became unknown keeps what it had.
        ended = state == last.get("state") or (state == "unknown" and last.get("state") == "intent")
        if not ended or (state in ("done", "failed") and text != chain.canonical(last["data"])):
            raise journal.damaged(f"step {key} of {deployment}")
    for deployment, key in gone:
        raise journal.damaged(f"step {key} of {deployment}")


def _rows(journal: Connection, those: Optional[chain.Told]) -> Iterator[Tuple[str, str, str, str]]:
    """All steps, or only those."""
    if those is None:
        yield from journal.db.execute("SELECT deployment, key, state, json FROM steps")
        return
    for where in those:
        yield from journal.db.execute("SELECT deployment, key, state, json FROM steps WHERE deployment = ? AND key = ?", where)


def _ended(journal: Connection, deployment: str, key: str) -> Optional[Step]:
    """The step as it is now: an intent whose process is gone is *unknown* from here on."""
    step = find(journal, deployment, key)
    if step is not None and step.state == "intent" and not step.alive:
        journal.db.execute("UPDATE steps SET state = 'unknown' WHERE deployment = ? AND key = ?", (deployment, key))
        chain.append(journal, "step", deployment, {"key": key, "state": "unknown"})
        return replace(step, state="unknown")
    return step


def _step(journal: Connection, row: Tuple[Any, ...]) -> Step:
    deployment, key, fence, state, at, text, pid, pid_start = row
    return Step(deployment, key, fence, state, at, journal.load(text, f"step {key} of {deployment}"), pid, pid_start)

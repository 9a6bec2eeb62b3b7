"""Events of drivers and journals of hosts in, History out: one Record a deployment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shipway.model.event import Event
from shipway.model.facts import Attempt
from shipway.model.history import History, Record
from shipway.model.migration import migrated
from shipway.model.verdict import UNSWITCHED
from shipway_agent.record import dataclass, replace

Json = Mapping[str, Any]

LIVE = {"committed": "live", "reverted": "undone"}
COMMAND = "exec"
"""The kind of a record that is no deployment."""

POINT = "point:"
"""What the key of a step begins with that takes a restore point."""

SETTLED = "acknowledged:"
"""What the key of the step begins with that a command takes once every host follows a decision that it settled."""

HELD = "migrate:held"
"""The key of the step that runs migrations for which requests wait."""

STAYS = frozenset({"live", "migrated", "unsettled", "interrupted"})
"""Verdicts of what was not undone, as far as is known."""

ANSWER = "answer"
"""The verdict of flows that only read: they leave no record."""


@dataclass(frozen=True, slots=True)
class Journal:
    """What one host remembers: events as the call `events` answers them, and the deployments of its record."""

    host: str
    events: Sequence[Json] = ()
    attempts: Sequence[Attempt] = ()


def history(own: Iterable[Event], journals: Iterable[Journal] = (), *, environment: str | None = None, limit: int | None = None) -> History:
    """Records newest first. What a driver here told is richer; where it has no ending, or never ran here, the hosts' word counts.

    An attempt belongs to every environment where nobody knows in which it was: the only one was meant, and the file has several or is
    wrong; or a driver of an earlier version was refused.
    """
    told = {record.deployment: record for record in records_of_driver(own)}
    journals = tuple(journals)
    kept = {record.deployment: record for record in (*records_of_hosts(journals), *records_of_commands(journals, environment or ""))}
    merged = [_merged(told.get(deployment), kept.get(deployment)) for deployment in told.keys() | kept.keys()]
    chosen = [r for r in merged if environment is None or r.environment in (environment, "")]
    newest = sorted(chosen, key=lambda r: (r.began, r.deployment), reverse=True)
    return History(tuple(newest[:limit]))


def records_of_driver(events: Iterable[Event]) -> tuple[Record, ...]:
    """One record for each deployment that a driver told of, oldest first; attempts that were refused are among them."""
    groups: dict[str, list[Event]] = {}
    for event in events:
        if event.deployment:
            groups.setdefault(event.deployment, []).append(event)
    return tuple(_of_driver(deployment, group) for deployment, group in groups.items())


def records_of_hosts(journals: Iterable[Journal]) -> tuple[Record, ...]:
    """One record for each deployment that any host remembers, oldest first. What a host alone knows is when, who and the decision."""
    seen: dict[str, dict[str, _Seen]] = {}
    for journal in journals:
        for event in journal.events:
            deployment = str(event.get("deployment", ""))
            if deployment and not deployment.startswith("release:"):
                seen.setdefault(deployment, {}).setdefault(journal.host, _Seen()).add(event)
        for attempt in journal.attempts:
            seen.setdefault(attempt.deployment, {}).setdefault(journal.host, _Seen()).know(attempt)
    records = [_of_hosts(deployment, hosts) for deployment, hosts in seen.items()]
    return tuple(sorted((r for r in records if r is not None), key=lambda r: r.began))


def records_of_commands(journals: Iterable[Journal], environment: str) -> tuple[Record, ...]:
    """One record for each command that `exec` or `console` ran on a host, oldest first: which program, where, and how it ended."""
    found: dict[tuple[str, str], Record] = {}
    for journal in journals:
        for event in journal.events:
            data, at = event.get("data"), float(event.get("at", 0.0))
            key = (journal.host, str(data.get("id", event.get("seq", "")))) if isinstance(data, Mapping) else ("", "")
            if isinstance(data, Mapping) and event.get("kind") == "exec":
                found[key] = _of_command(journal.host, key[1], environment, data, at)
            elif isinstance(data, Mapping) and event.get("kind") == "exec ended" and key in found:
                found[key] = _ended(found[key], _integer(data.get("exit")), at)
    return tuple(sorted(found.values(), key=lambda record: record.began))


def find(records: History, words: str) -> tuple[Record, ...]:
    """The records that `words` mean: @last, an id or the beginning of one, or the number of a generation. Newest first.

    The last deployment is meant by @last, whatever commands were run since.
    """
    if words == "@last":
        return tuple(record for record in records.records if record.kind != COMMAND)[:1]
    exact = tuple(r for r in records.records if r.deployment == words)
    if exact:
        return exact
    return tuple(
        r
        for r in records.records
        if r.deployment.startswith(words) or (words.isdigit() and str(r.generation_after) == words and r.kind != COMMAND)
    )


def _of_command(host: str, token: str, environment: str, data: Json, at: float) -> Record:
    generation = _integer(data.get("generation"))
    return Record(
        deployment=f"{COMMAND}-{host}-{token[:8]}",
        kind=COMMAND,
        app="",
        environment=environment,
        release="",
        commit="",
        version="",
        who=str(data.get("who", "")),
        began=at,
        ended=None,
        verdict="interrupted",
        exit_code=None,
        message="as the host remembers it",
        generation_before=generation,
        generation_after=generation,
        hosts={host: {"steps": [], "decision": None}},
        data={"source": "hosts"},
        what=f"{data.get('program', '')} on {host}",
    )


def _ended(record: Record, exit_code: int | None, at: float) -> Record:
    """A command whose end was journalled; without a code its link was lost, and it was ended with it."""
    if exit_code is None:
        return replace(record, ended=at, what=f"{record.what}, ended with its link")
    said = exit_code if exit_code >= 0 else 128 - exit_code
    return replace(record, ended=at, verdict="ended", exit_code=said, what=f"{record.what}, exit {said}")


def _of_driver(deployment: str, events: Sequence[Event]) -> Record:
    began = next((e.data for e in events if e.kind == "began"), {})
    ended = next((e for e in reversed(events) if e.kind == "ended"), None)
    said = ended.data if ended is not None else {}
    tried = began or said
    return Record(
        deployment=deployment,
        kind=str(tried.get("kind", "")),
        app=str(began.get("app", "")),
        environment=str(tried.get("environment", "")),
        release=str(began.get("release", "")),
        commit=str(began.get("commit", "")),
        version=str(began.get("version", "")),
        who=str(tried.get("who", "")),
        began=events[0].at,
        ended=ended.at if ended is not None else None,
        verdict=str(said.get("verdict", "interrupted")),
        exit_code=_integer(said.get("exit_code")),
        message=str(said.get("message", "")),
        generation_before=_before(began),
        generation_after=_integer(began.get("target", began.get("number"))),
        hosts=_hosts(events, began),
        data={"hint": said.get("hint", ""), "lead": began.get("lead", ""), "source": "driver"},
        what=str(began.get("what", "")),
        points=tuple(point for event in events if event.kind == "step" for point in _point(event.data)),
        migrations=_stayed([event.data for event in events if event.kind == "step"], live=said.get("verdict") in STAYS),
    )


def _point(step: Json) -> tuple[str, ...]:
    """The restore point that a step took; a driver says its answer, a journal what it remembers of it."""
    answer = step.get("answer", step.get("data"))
    taken = str(step.get("key", "")).startswith(POINT) and step.get("state") == "done" and isinstance(answer, Mapping)
    return (str(answer["point"]),) if taken and isinstance(answer, Mapping) and "point" in answer else ()


def _stayed(steps: Iterable[Json], *, live: bool) -> tuple[str, ...]:
    """The migrations that ran and are applied: an undo takes the held ones back, with the restore point."""
    return tuple(name for step in steps if live or step.get("key") != HELD for name in migrated(step))


def _hosts(events: Sequence[Event], began: Json) -> dict[str, dict[str, Any]]:
    """What happened on each host: its steps with their seconds, the switch, the probes, the decision it acknowledged."""
    found: dict[str, dict[str, Any]] = {str(name): {"steps": []} for name in began.get("members", ())}
    for event in events:
        if not event.host:
            continue
        host = found.setdefault(event.host, {"steps": []})
        if event.kind == "step" and event.data.get("state") in ("done", "failed", "skipped"):
            host["steps"].append({key: event.data.get(key) for key in ("key", "title", "state", "seconds")})
        elif event.kind == "switched":
            host["switched_seconds"] = event.data.get("seconds")
        elif event.kind == "proved":
            host["probes"] = list(event.data.get("probes", ()))
        elif event.kind == "told":
            host["decision"] = event.data.get("decision")
        elif event.kind in ("went back", "lost"):
            host[event.kind.replace(" ", "_")] = event.data.get("reason")
    return found


@dataclass(slots=True)
class _Seen:
    """What one host's journal tells of one deployment."""

    first: float | None = None
    last: float | None = None
    lease: Json | None = None
    attempt: Attempt | None = None
    decision: str | None = None
    finished: bool = False
    settled: bool = False
    left: bool = False
    points: tuple[str, ...] = ()
    migrations: tuple[Json, ...] = ()

    def add(self, event: Json) -> None:
        at = float(event.get("at", 0.0))
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        data = event.get("data")
        if event.get("kind") == "step" and isinstance(data, Mapping):
            self.points += _point(data)
            self.migrations += (data,) if migrated(data) else ()
            self.settled = self.settled or (str(data.get("key", "")).startswith(SETTLED) and data.get("state") == "done")
        if event.get("kind") != "member" or not isinstance(data, Mapping):
            return
        message, reply = data.get("message"), data.get("reply")
        if not isinstance(message, Mapping) or not isinstance(reply, Mapping) or not reply.get("ok"):
            return
        if message.get("do") == "lease":
            self.lease = message
        self.finished = self.finished or message.get("do") == "finish"
        self.left = self.left or message.get("do") == "leave"
        self.decision = reply.get("decision") or self.decision

    def know(self, attempt: Attempt) -> None:
        self.attempt = attempt
        if attempt.stage in LIVE:
            self.decision = attempt.stage

    @property
    def document(self) -> Json:
        if self.lease is not None:
            return dict(self.lease.get("document", {}))
        return self.attempt.document if self.attempt is not None else {}


def _of_hosts(deployment: str, hosts: Mapping[str, _Seen]) -> Record | None:
    """None for a deployment that no host leased: somebody else's decision, told to a host that never took part."""
    documents = [seen.document for seen in hosts.values() if seen.document]
    if not documents:
        return None
    document = documents[0]
    owner = next((str(seen.lease["owner"]) for seen in hosts.values() if seen.lease is not None and "owner" in seen.lease), "")
    decision = next((seen.decision for seen in hosts.values() if seen.decision), None)
    firsts = [seen.first for seen in hosts.values() if seen.first is not None]
    lasts = [seen.last for seen in hosts.values() if seen.last is not None]
    verdict = _verdict(str(document.get("kind", "")), decision, all(seen.finished for seen in hosts.values()))
    if document.get("kind") == "abort" and all(seen.finished and seen.settled for seen in hosts.values()):
        verdict = "undone"
    if any(seen.left for seen in hosts.values()):
        verdict = "removed"
    return Record(
        deployment=deployment,
        kind=str(document.get("kind", "")),
        app=str(document.get("app", "")),
        environment=str(document.get("environment", "")),
        release=str(document.get("release", "")),
        commit=str(document.get("commit", "")),
        version=str(document.get("version", "")),
        who=str(document.get("who", "")) or owner,
        began=min(firsts, default=0.0),
        ended=max(lasts, default=None) if verdict != "interrupted" else None,
        verdict=verdict,
        exit_code=None,
        message="as the hosts remember it",
        generation_before=_integer(document.get("before")),
        generation_after=_integer(document.get("number")),
        hosts={name: {"steps": [], "decision": seen.decision} for name, seen in sorted(hosts.items())},
        data={"source": "hosts"},
        what=str(document.get("what", "")),
        points=tuple(point for _, seen in sorted(hosts.items()) for point in seen.points),
        migrations=_stayed([step for _, seen in sorted(hosts.items()) for step in seen.migrations], live=verdict in STAYS),
    )


def _verdict(kind: str, decision: str | None, finished: bool) -> str:
    if decision in LIVE:
        return LIVE[decision]
    return UNSWITCHED.get(kind, "interrupted") if finished else "interrupted"


def _merged(told: Record | None, kept: Record | None) -> Record:
    if told is None:
        assert kept is not None, "a deployment is known from somewhere"
        return kept
    if kept is None or told.ended is not None:
        return told
    filled = {
        key: getattr(kept, key)
        for key in (
            "kind",
            "what",
            "points",
            "migrations",
            "app",
            "environment",
            "release",
            "commit",
            "version",
            "who",
            "generation_before",
            "generation_after",
        )
        if not getattr(told, key)
    }
    hosts = {name: {**kept.hosts.get(name, {}), **host} for name, host in {**kept.hosts, **told.hosts}.items()}
    return replace(told, **filled, verdict=kept.verdict, ended=kept.ended, message=kept.message, hosts=hosts)


def _before(began: Json) -> int | None:
    """The generation that served before: on the lead, else the only one that hosts named."""
    source = began.get("source", began.get("from", began.get("before")))
    if isinstance(source, Mapping):
        return _integer(source.get(str(began.get("lead", "")), next(iter(source.values()), None)))
    return _integer(source)


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None

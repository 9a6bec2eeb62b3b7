"""Rows of hosts' journals in, the events of one deployment out: what its driver tells, told again by those who remember it. Pure.

So whoever attaches sees what the driver's own terminal shows, also when there is no driver any more and the hosts settle by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from shipway.model.event import Event
from shipway_agent.record import dataclass

Json = Mapping[str, Any]

DECISIONS = ("committed", "reverted")
SHIPS = ("deploy", "rollback", "revert", "prepare", "restart", "scale", "stop", "start", "maintenance", "release")
"""Kinds of deployments that bring something before their first step, or would if there were anything to bring."""

ENDS = {"done": "done", "failed": "failed"}


def retold(deployment: str, journals: Mapping[str, Iterable[Json]], offsets: Mapping[str, float] | None = None) -> list[Event]:
    """All events of a deployment from whole journals, in order of time. `offsets` as for Retelling."""
    telling = Retelling(deployment, offsets)
    rows = [(telling.at(host, row), host, row) for host, journal in journals.items() for row in journal]
    return [event for _, host, row in sorted(rows, key=lambda item: item[0]) for event in telling.add(host, row)]


@dataclass(frozen=True, slots=True)
class Failure:
    """The step that failed first: where, what it was, and the agent's code and message."""

    host: str
    title: str
    code: str
    message: str


class Retelling:
    """Takes rows as hosts answer them ({seq, at, deployment, kind, data}), of each host in order, and answers events.

    `offsets` are seconds to add to each host's clock, so that clocks that are wrong by years tell one story. What is no row, or belongs
    to another deployment, is no event. `decision` is what the lead recorded, None before; `failure` the first step that failed.
    """

    def __init__(self, deployment: str, offsets: Mapping[str, float] | None = None) -> None:
        self.deployment = deployment
        self.decision: str | None = None
        self.failure: Failure | None = None
        self.voted: set[str] = set()
        self.finished: set[str] = set()
        self.told: dict[str, str] = {}
        self._offsets = dict(offsets or {})
        self._members: tuple[str, ...] = ()
        self._lead = ""
        self._document: Json = {}
        self._leased: set[str] = set()
        self._waves: list[tuple[str, str, int]] = []
        self._wave_began = 0.0
        self._titles: dict[tuple[str, str], str] = {}
        self._downtimes: dict[str, float] = {}

    @property
    def document(self) -> Json:
        """What the hosts journalled with the lease: kind, version, commit, environment …"""
        return self._document

    def at(self, host: str, row: Json) -> float:
        """When a row was written, on the reader's clock."""
        at = row.get("at")
        return (float(at) if isinstance(at, (int, float)) else 0.0) + self._offsets.get(host, 0.0)

    def add(self, host: str, row: Json) -> list[Event]:
        """The events that follow from one row."""
        data = row.get("data")
        if not isinstance(data, Mapping) or not self._is_mine(row, data):
            return []
        take = _TAKE.get(str(row.get("kind")))
        return take(self, host, self.at(host, row), data) if take is not None else []

    def _is_mine(self, row: Json, data: Json) -> bool:
        moved = data.get("moved")
        return self.deployment in (row.get("deployment"), data.get("of")) or (isinstance(moved, Mapping) and self.deployment in moved)

    # ------------------------------------------------------------ the record

    def _member(self, host: str, at: float, data: Json) -> list[Event]:
        message, reply = _mapped(data, "message"), _mapped(data, "reply")
        if not reply.get("ok"):
            return []
        do = str(message.get("do", ""))
        events: list[Event] = []
        if do == "lease":
            events += self._lease(host, at, message)
        if do == "vote":
            self.voted.add(host)
        if do == "finish":
            self.finished.add(host)
        if do == "undo":
            events += self._enter(at, "undo", self._waves[-1][1] if self._waves else "begin")
        stage = str(_mapped(data, "moved").get(self.deployment, ""))
        decision = stage if stage in DECISIONS else str(reply.get("decision") or "") if message.get("deployment") == self.deployment else ""
        if decision in DECISIONS:
            events += self._decided(host, at, decision, do)
        if do == "tick" and stage == "discarded":
            events.append(self._event("note", at, host, message="discarded what was prepared, for the driver's lease had run out"))
        if stage == "restoring":
            events.append(self._event("note", at, host, message="it goes back, and before that its restore point is put back"))
        if do == "boot" and stage in ("back", "discarded"):
            events.append(self._event("went back", at, host, reason="it was rebooted before the decision"))
        return events

    def _lease(self, host: str, at: float, message: Json) -> list[Event]:
        events: list[Event] = []
        if not self._leased:
            self._members = tuple(str(name) for name in _listed(message, "members"))
            self._lead = str(message.get("lead", ""))
            self._document = _mapped(message, "document")
            events.append(self._event("began", at, **self._began(message)))
        if host not in self._leased:
            self._leased.add(host)
            events.append(self._event("leased", at, host, fence=message.get("fence"), seconds=0.0))
            if self._leased >= set(self._members) and self._document.get("kind") in SHIPS:
                events += self._enter(at, "ship", "ship")
        return events

    def _began(self, message: Json) -> dict[str, Any]:
        document = self._document
        words = {key: str(document.get(key) or "") for key in ("kind", "app", "environment", "release", "commit", "tree", "version")}
        before = document.get("before")
        return {
            **words,
            **{key: str(document[key]) for key in ("what", "command") if document.get(key)},
            "who": str(document.get("who") or message.get("owner") or ""),
            "members": list(self._members),
            "lead": self._lead,
            "source": {name: before if isinstance(before, int) else None for name in self._members},
            "target": message.get("fence"),
            "confirm_seconds": message.get("confirm_seconds"),
            "notes": [],
        }

    def _decided(self, host: str, at: float, decision: str, do: str) -> list[Event]:
        events: list[Event] = []
        if self.decision is None:
            self.decision = decision
            if do in ("tick", "ask"):
                words = "the driver was not heard in time; the hosts decided by themselves"
                events += [*self._enter(at, "undo", "undo"), self._event("note", at, message=words)]
            events.append(self._event("decided", at, self._lead or host, decision=decision))
        if host not in self.told and (do not in ("commit", "undo") or host != self._lead):
            self.told[host] = decision
            down = {"downtime_seconds": self._downtimes[host]} if host in self._downtimes else {}
            events.append(self._event("told", at, host, decision=decision, **down))
        return events

    def _alone(self, host: str, at: float, data: Json) -> list[Event]:
        why = str(data.get("why") or "")
        return [self._event("went back", at, host, reason=f"its deadline passed and the lead was not heard{f': {why}' if why else ''}")]

    def _visited(self, host: str, at: float, data: Json) -> list[Event]:
        """What was measured until the decision was followed: the acknowledgement once more, with the whole downtime."""
        seconds, decision = data.get("downtime_seconds"), self.told.get(host)
        if not isinstance(seconds, (int, float)) or decision is None:
            return []
        return [self._event("told", at, host, decision=decision, downtime_seconds=seconds)]

    # ------------------------------------------------------------- the steps

    def _step(self, host: str, at: float, data: Json) -> list[Event]:
        key, state = _shown(str(data.get("key", ""))), str(data.get("state", ""))
        if state == "intent":
            self._titles[host, key] = str(data.get("title") or key)
            begun = {"key": key, "title": self._titles[host, key], "state": "started"}
            phase = str(data.get("phase") or "")
            entered = self._enter(at, phase, str(data.get("wave") or phase), _whole(data, "batch")) if phase else []
            return [*entered, self._event("step", at, host, **begun)]
        title = self._titles.get((host, key), key)
        if state == "unknown":
            return [self._event("note", at, host, message=f"{title}: it began, and its ending is not known yet")]
        if state not in ENDS:
            return []
        said = _mapped(data, "data")
        told: dict[str, Any] = {
            "key": key,
            "title": title,
            "state": "skipped" if said.get("skipped") else state,
            "seconds": data.get("seconds", 0.0),
        }
        told |= {"error": dict(said)} if state == "failed" else {"answer": dict(said)}
        if state == "failed" and self.failure is None and not key.startswith("undo:"):
            self.failure = Failure(host, title, str(said.get("code", "")), str(said.get("message", "")))
        return [self._event("step", at, host, **told), *(self._learnt(host, at, key, said) if state == "done" else [])]

    def _learnt(self, host: str, at: float, key: str, answer: Json) -> list[Event]:
        """What the answers of some steps tell besides."""
        if "at_boot" in answer:
            return [self._event("switched", at, host, **{name: answer.get(name) for name in ("base", "seconds", "at_boot")})]
        if key == "prove":
            return [
                self._event("proved", at, host, probes=list(_listed(answer, "probes")), downtime_seconds=answer.get("downtime_seconds"))
            ]
        return [self._event("draining", at, host, **process) for process in _listed(answer, "draining") if isinstance(process, Mapping)]

    def _output(self, host: str, at: float, data: Json) -> list[Event]:
        return [self._event("output", at, host, key=_shown(str(data.get("key", ""))), line=str(line)) for line in _listed(data, "lines")]

    def _shipped(self, host: str, at: float, data: Json) -> list[Event]:
        numbers = {name: data.get(name) for name in ("blobs", "bytes", "sent", "seconds")}
        peers = {"peers": dict(data["peers"])} if isinstance(data.get("peers"), Mapping) else {}
        told = all(isinstance(n, (int, float)) for n in numbers.values())
        return [self._event("shipped", at, host, **numbers, **peers)] if told else []

    def _enter(self, at: float, phase: str, wave: str, batch: int = 0) -> list[Event]:
        """The fleet enters a wave with the first host that does; the wave before has then been passed by all."""
        if (phase, wave, batch) in self._waves or (phase == "undo" and any(name == "undo" for name, _, _ in self._waves)):
            return []
        events = []
        if self._waves and phase != "undo":
            events.append(self._event("barrier", at, name=self._waves[-1][1], seconds=max(0.0, at - self._wave_began)))
        self._waves.append((phase, wave, batch))
        self._wave_began = at
        return [*events, self._event("phase", at, name=phase, wave=wave, **({"batch": batch} if batch else {}))]

    def _event(self, kind: str, at: float, host: str = "", /, **data: Any) -> Event:
        return Event(kind, at, self.deployment, host, data)


_TAKE: Mapping[str, Callable[[Retelling, str, float, Json], list[Event]]] = {
    "member": Retelling._member,
    "alone": Retelling._alone,
    "visited": Retelling._visited,
    "step": Retelling._step,
    "output": Retelling._output,
    "shipped": Retelling._shipped,
}


def _shown(key: str) -> str:
    """The key as its driver knows it: what is remembered once per release has a digest behind its name."""
    parts = key.split(":")
    return ":".join(parts[:2]) if parts[0] == "task" else key


def _mapped(data: Json, key: str) -> Json:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def _whole(data: Json, key: str) -> int:
    value = data.get(key)
    return value if isinstance(value, int) else 0


def _listed(data: Json, key: str) -> Sequence[Any]:
    value = data.get(key)
    return value if isinstance(value, (list, tuple)) else ()

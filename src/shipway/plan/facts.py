"""The agent's answer to `look` in, HostFacts out. Also what the planner asks of a whole fleet: the next number, the recorded members."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from shipway.model.doing import Doing, Finishing
from shipway.model.errors import HostError
from shipway.model.facts import (
    Attempt,
    Busy,
    Disk,
    Held,
    HeldLease,
    Hello,
    HostFacts,
    Instance,
    JobRun,
    JobState,
    Json,
    Lack,
    LeftTask,
    Member,
    Notifications,
    Proxy,
    Warm,
)
from shipway.model.intent import Intent

T = TypeVar("T")


def read_facts(host: str, value: object, *, lack: Lack | None = None) -> HostFacts:
    """The facts of `host` from JSON. Raises HostError (code "facts") that names the first key that is not as docs/contracts.md says."""
    facts = _Reading(host, "facts", value)
    return HostFacts(
        hello=_hello(facts.object("hello")),
        member=_member(facts.object("member")),
        disk=_disk(facts.object("disk")),
        link=facts.maybe("link", _Reading.integer),
        generations={int(number): document for number, document in facts.numbered("generations").items()},
        good=tuple(facts.each("good", _Reading.as_integer)),
        releases=tuple(facts.each("releases", _Reading.as_text)),
        processes=tuple(facts.each("processes", _instance)),
        jobs=tuple(facts.maybe("jobs", lambda here, key: here.each(key, _job)) or ()),
        proxy=_proxy(facts.object("proxy")),
        shared=tuple(facts.each("shared", _Reading.as_text)),
        drift=tuple(facts.each("drift", _Reading.as_text)),
        busy=tuple(facts.each("busy", _busy)),
        left=tuple(facts.maybe("left", lambda here, key: here.each(key, _left)) or ()),
        supervisor_running=facts.object("supervisor").truth("running"),
        peer_port=facts.maybe("peer_port", _Reading.integer),
        notifications=_notifications(facts.maybe("notifications", _Reading.object)),
        doing=None if (doing := facts.maybe("doing", _Reading.object_value)) is None else Doing.of(doing),
        draining=tuple(facts.maybe("draining", _finishings) or ()),
        cannot_ask=facts.maybe("cannot_ask", _Reading.text) or "",
        unsound=facts.maybe("unsound", _Reading.text) or "",
        lack=lack,
    )


def read_notifications(host: str, value: object) -> Notifications:
    """A host's outbox from JSON. Raises HostError as `read_facts` does."""
    return _notifications(_Reading(host, "notifications", value))


def next_number(facts: Mapping[str, HostFacts]) -> int:
    """The fencing number of a new deployment: one more than the highest that any host has seen."""
    seen = [f.member.fence for f in facts.values()]
    made = [number for f in facts.values() for number in f.generations]
    return 1 + max([0, *seen, *made])


def recorded_members(facts: Mapping[str, HostFacts]) -> tuple[str, ...]:
    """The members of the newest committed deployment and of every unsettled one, by id. Empty before the first.

    Who was left out of one of them is a member all the same. Who left with a number at least as high is none.
    """
    attempts = [a for f in facts.values() for a in f.member.attempts if a.members]
    newest = newest_committed(facts)
    counting = [a for a in attempts if a.unsettled or (newest is not None and a.committed and a.fence == newest.fence)]
    joined: dict[str, int] = {}
    for attempt in counting:
        for name in (*attempt.members, *attempt.without):
            joined[name] = max(attempt.fence, joined.get(name, 0))
    left: dict[str, int] = {}
    for fact in facts.values():
        for name, fence in fact.member.left.items():
            left[name] = max(fence, left.get(name, 0))
    return tuple(sorted(name for name, fence in joined.items() if fence > left.get(name, 0)))


def newest_committed(facts: Mapping[str, HostFacts]) -> Attempt | None:
    """The last deployment that the fleet decided for, as one of its members remembers it. None before the first."""
    committed = [a for f in facts.values() for a in f.member.attempts if a.members and a.committed]
    return max(committed, key=lambda a: a.fence, default=None)


def left_under(facts: Mapping[str, HostFacts], name: str) -> int:
    """The number under which a host was taken out of the environment, as any member remembers it; 0 where it never was."""
    return max((fact.member.left.get(name, 0) for fact in facts.values()), default=0)


def behind(facts: Mapping[str, HostFacts]) -> tuple[str, ...]:
    """Hosts that serve an older generation than the last one that the fleet decided for, and members that serve nothing, by id."""
    newest = newest_committed(facts)
    if newest is None:
        return ()
    bare = {name for name in recorded_members(facts) if name in facts and facts[name].member.current is None}
    old = {name for name, fact in facts.items() if fact.member.current is not None and fact.member.current < newest.fence}
    return tuple(sorted(bare | old))


def left_out_notes(intent: Intent) -> list[str]:
    """One sentence for each member that this deployment leaves out."""
    return [f"{host.name} is left out: it keeps what it serves, and is behind afterwards" for host in intent.environment.without]


def open_notes(facts: Mapping[str, HostFacts]) -> list[str]:
    """One sentence for each deployment that another driver left open: it is settled before this one goes on."""
    found: dict[str, list[str]] = {}
    for name, fact in sorted(facts.items()):
        for attempt in fact.member.unsettled:
            found.setdefault(attempt.deployment, []).append(f"{attempt.stage} on {name}")
    return [f"deployment {deployment} is open ({', '.join(where)}): it is settled first" for deployment, where in found.items()]


def peer_notes(facts: Mapping[str, HostFacts]) -> list[str]:
    """One sentence for each host that could not ask its lead in the last deployment."""
    return [
        f"{name} could not ask the lead last time ({fact.cannot_ask}): when this program dies, {name} goes back alone"
        for name, fact in sorted(facts.items())
        if fact.cannot_ask
    ]


def _hello(hello: _Reading) -> Hello:
    return Hello(
        host=hello.text("host"),
        agent=hello.text("agent"),
        python=hello.text("python"),
        platform=hello.maybe("platform", _Reading.text) or "",
        libc=hello.maybe("libc", _Reading.text) or "",
        user=hello.maybe("user", _Reading.text) or "",
        uid=hello.maybe("uid", _Reading.integer) or 0,
        home=hello.maybe("home", _Reading.text) or "",
        root=hello.text("root"),
        boot_id=hello.maybe("boot_id", _Reading.text) or "",
        boot_now=hello.maybe("boot_now", _Reading.number) or 0.0,
        clock=hello.maybe("clock", _Reading.number) or 0.0,
        after_reboot=bool(hello.maybe("after_reboot", _Reading.truth)),
        reboot_means=hello.maybe("reboot_means", _Reading.text) or "",
        reboot_line=hello.maybe("reboot_line", _Reading.text) or "",
        why_not=hello.maybe("why_not", _Reading.text) or None,
    )


def _disk(disk: _Reading) -> Disk:
    return Disk(free_bytes=disk.maybe("free_bytes", _Reading.integer), free_inodes=disk.maybe("free_inodes", _Reading.integer))


def _member(member: _Reading) -> Member:
    lease = member.maybe("lease", _Reading.object)
    return Member(
        name=member.text("name"),
        term=member.integer("term"),
        fence=member.integer("fence"),
        lease=None if lease is None else _lease(lease),
        current=member.maybe("current", _Reading.integer),
        attempts=tuple(member.each("attempts", _attempt)),
        warm=None if (warm := member.maybe("warm", _Reading.object)) is None else Warm(warm.integer("generation"), warm.number("until")),
        left=member.maybe("left", _Reading.counts) or {},
        held=None if (held := member.maybe("held", _Reading.object)) is None else _held(held),
    )


def _held(held: _Reading) -> Held:
    return Held(
        deployment=held.text("deployment"),
        seconds=held.integer("seconds"),
        waits=held.truth("waits"),
        point=held.text("point"),
        tries=held.integer("tries"),
        why=held.text("why"),
    )


def _lease(lease: _Reading) -> HeldLease:
    return HeldLease(lease.text("deployment"), lease.text("owner"), lease.integer("fence"), lease.number("since"), lease.number("until"))


def _attempt(attempt: _Reading) -> Attempt:
    return Attempt(
        deployment=attempt.text("deployment"),
        fence=attempt.integer("fence"),
        stage=attempt.text("stage"),
        lead=attempt.text("lead"),
        members=tuple(attempt.each("members", _Reading.as_text)),
        confirm_seconds=attempt.number("confirm_seconds"),
        base=attempt.maybe("base", _Reading.integer),
        deadline=attempt.maybe("deadline", _Reading.number) or 0.0,
        document=attempt.maybe("document", _Reading.object_value) or {},
        term=attempt.maybe("term", _Reading.integer) or 0,
    )


def _instance(row: _Reading) -> Instance:
    return Instance(
        generation=row.integer("generation"),
        name=row.text("name"),
        instance=row.integer("instance"),
        state=row.text("state"),
        healthy=bool(row.maybe("healthy", _Reading.truth)),
        address=row.maybe("address", _Reading.text) or "",
        pid=row.maybe("pid", _Reading.integer),
        since=row.maybe("since", _Reading.number) or 0.0,
        restarts=row.maybe("restarts", _Reading.integer) or 0,
        wanted=bool(row.maybe("wanted", _Reading.truth)),
        exit=row.maybe("exit", _Reading.integer),
    )


def _job(job: _Reading) -> JobState:
    return JobState(
        name=job.text("name"),
        schedule=job.maybe("schedule", _Reading.text) or "",
        timezone=job.maybe("timezone", _Reading.text) or "",
        next=job.maybe("next", _Reading.number),
        overdue=job.integer("overdue"),
        skipped=job.integer("skipped"),
        running=None if (going := job.maybe("running", _Reading.object)) is None else _job_run(going),
        last=None if (last := job.maybe("last", _Reading.object)) is None else _job_run(last),
    )


def _job_run(run: _Reading) -> JobRun:
    return JobRun(
        due=run.number("for"),
        began=run.number("began"),
        state=run.maybe("state", _Reading.text) or "running",
        generation=run.integer("generation"),
        ended=run.maybe("ended", _Reading.number),
        exit=run.maybe("exit", _Reading.integer),
        lines=tuple(run.maybe("lines", lambda here, key: here.each(key, _Reading.as_text)) or ()),
    )


def _proxy(proxy: _Reading) -> Proxy:
    sites = proxy.maybe("sites", _Reading.object_value) or {}
    return Proxy(
        running=proxy.truth("running"),
        binary=proxy.maybe("binary", _Reading.text),
        listen=proxy.maybe("listen", _Reading.text),
        sites={str(key): str(digest) for key, digest in sites.items()},
    )


def _notifications(box: _Reading | None) -> Notifications:
    if box is None:
        return Notifications()
    return Notifications(
        targets=box.integer("targets"),
        waiting=box.integer("waiting"),
        failed=box.integer("failed"),
        tries=box.integer("tries"),
        last_error=box.maybe("last_error", _Reading.text) or "",
    )


def _finishings(facts: _Reading, key: str) -> list[Finishing]:
    return facts.each(key, _finishing)


def _finishing(row: _Reading) -> Finishing:
    return Finishing(row.integer("generation"), row.text("name"), row.integer("instance"), row.text("state"), row.number("seconds_left"))


def _busy(row: _Reading) -> Busy:
    return Busy(row.text("deployment"), row.text("key"), row.number("since"))


def _left(row: _Reading) -> LeftTask:
    return LeftTask(row.text("deployment"), row.text("task"), row.text("state"), bool(row.maybe("undo", _Reading.truth)))


class _Reading:
    """One JSON object of a host's answer and the path to it; every reader raises HostError that names path and expectation."""

    def __init__(self, host: str, path: str, value: object) -> None:
        self.host, self.path, self.value = host, path, value

    def text(self, key: str) -> str:
        return self._at(key).as_text()

    def integer(self, key: str) -> int:
        return self._at(key).as_integer()

    def number(self, key: str) -> float:
        value = self._at(key).value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        raise self._at(key)._wrong("a number")

    def truth(self, key: str) -> bool:
        value = self._at(key).value
        if isinstance(value, (bool, int)):
            return bool(value)
        raise self._at(key)._wrong("true or false")

    def object(self, key: str) -> _Reading:
        self._at(key).as_object()
        return self._at(key)

    def object_value(self, key: str) -> Json:
        return self._at(key).as_object()

    def numbered(self, key: str) -> dict[int, Json]:
        """An object whose keys are numbers and whose values are objects."""
        here = self._at(key)
        found: dict[int, Json] = {}
        for name, value in here.as_object().items():
            if not str(name).isdigit():
                raise here._wrong("numbers as keys")
            found[int(name)] = _Reading(self.host, f"{here.path}.{name}", value).as_object()
        return found

    def counts(self, key: str) -> dict[str, int]:
        """An object whose values are whole numbers."""
        here = self._at(key)
        return {name: _Reading(self.host, f"{here.path}.{name}", value).as_integer() for name, value in here.as_object().items()}

    def each(self, key: str, read: Callable[[_Reading], T]) -> list[T]:
        here = self._at(key)
        if not isinstance(here.value, (list, tuple)):
            raise here._wrong("a list")
        return [read(_Reading(self.host, f"{here.path}[{i}]", value)) for i, value in enumerate(here.value)]

    def maybe(self, key: str, read: Callable[[_Reading, str], T]) -> T | None:
        return None if self.as_object().get(key) is None else read(self, key)

    def as_text(self) -> str:
        if isinstance(self.value, str):
            return self.value
        raise self._wrong("text")

    def as_integer(self) -> int:
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return self.value
        raise self._wrong("a whole number")

    def as_object(self) -> Mapping[str, Any]:
        if isinstance(self.value, (dict, Mapping)):  # to be a Mapping is a long question, and nearly all are a dict
            return self.value
        raise self._wrong("an object")

    def _at(self, key: str) -> _Reading:
        return _Reading(self.host, f"{self.path}.{key}", self.as_object().get(key))

    def _wrong(self, expected: str) -> HostError:
        got = "nothing" if self.value is None else f"{type(self.value).__name__} {self.value!r:.40}"
        return HostError(self.host, "facts", f"{self.path}: should be {expected}, got {got}")

"""What hosts say of one deployment in; which one is meant, whether it is over, and its verdict out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shipway.flows.hints import hint
from shipway.ledger.retell import DECISIONS, Retelling
from shipway.model.doing import Doing
from shipway.model.errors import AGAIN
from shipway.model.facts import Attempt, HostFacts
from shipway.model.verdict import Verdict
from shipway.reports.few import named
from shipway_agent.record import dataclass, field

SETTLES = ("resume", "abort")
"""Kinds that ship nothing: they end what another one left, and that is what a person wants to see."""

ABSENT_SECONDS = 20.0
"""How long a host that cannot be heard is waited for once all others have settled."""

STILL_SECONDS = 30.0
"""How long an open deployment is watched in which nobody does anything any more, all deadlines being over."""


def meant(facts: Mapping[str, HostFacts], words: str | None) -> list[Attempt]:
    """The deployments that `words` mean, an id, the beginning of one or a number; without words the one that goes on, else the last.

    Empty where no host remembers one; several where the words are the beginning of several.
    """
    known = {attempt.deployment: attempt for fact in facts.values() for attempt in fact.member.attempts}
    newest = sorted(known.values(), key=lambda attempt: attempt.fence, reverse=True)
    if words is not None:
        exact = [attempt for attempt in newest if attempt.deployment == words]
        return exact or [a for a in newest if a.deployment.startswith(words) or (words.isdigit() and str(a.fence) == words)]
    unsettled = {attempt.deployment for fact in facts.values() for attempt in fact.member.unsettled}
    going_on = unsettled | {fact.doing.deployment for fact in facts.values() if fact.doing is not None}
    for chosen in (
        [a for a in newest if a.deployment in going_on and a.document.get("kind") not in SETTLES],
        [a for a in newest if a.deployment in going_on],
        [a for a in newest if _has_ended(a, facts)],
        newest,
    ):
        if chosen:
            return chosen[:1]
    return []


@dataclass
class Watched:
    """One deployment under the eyes of somebody. `progress` and `absent` are of its members; times are seconds of one steady clock."""

    attempt: Attempt
    environment: str
    telling: Retelling
    progress: dict[str, Doing] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    _absent_since: dict[str, float] = field(default_factory=dict)
    _moved_at: float | None = None

    @property
    def members(self) -> tuple[str, ...]:
        return self.attempt.members or tuple(self.progress)

    @property
    def decision(self) -> str | None:
        """What any host knows of the decision."""
        return next((doing.stage for doing in self.progress.values() if doing.stage in DECISIONS), self.telling.decision)

    def hear(self, host: str, doing: Doing, now: float) -> None:
        """A host's newest word."""
        before = self.progress.get(host)
        if before is None or before.stage != doing.stage or (doing.left_seconds or 0.0) > (before.left_seconds or 0.0):
            self._moved_at = now
        self.progress[host] = doing
        self.absent.pop(host, None)
        self._absent_since.pop(host, None)

    def miss(self, host: str, why: str, now: float) -> None:
        """A host cannot be heard."""
        self.absent[host] = why
        self._absent_since.setdefault(host, now)

    def settled(self, host: str) -> bool:
        """Whether the host has ended with it: it knows the decision, or discarded what never had an intent, and nobody drives it."""
        doing = self.progress.get(host)
        if doing is None or doing.left_seconds is not None or doing.open:
            return False
        return doing.stage == "committed" if self.decision == "committed" else True

    def over(self, now: float) -> bool:
        """Whether there is nothing more to see: all have settled, or nobody moves any more and every bound is over."""
        heard = [host for host in self.members if host not in self.absent]
        if all(self.settled(host) for host in heard):
            return all(now - self._absent_since[host] >= ABSENT_SECONDS for host in self.absent if host in self.members)
        if any(doing.decides_seconds for host, doing in self.progress.items() if host in heard):
            return False
        return bool(heard) and self._moved_at is not None and now - self._moved_at >= STILL_SECONDS

    def verdict(self, serving: Mapping[str, int | None]) -> Verdict:
        """How it ended. `serving` is the generation that each host was found to serve at the end: success is proof read back."""
        deployment, name = self.attempt.deployment, self.environment
        resume = f"shipway resume {name}"
        if self.absent and set(self.absent) & set(self.members):
            hosts = named(sorted(self.absent))
            alone = "; it settles by itself with its lead, or with the next command that reaches it"
            return self._verdict("unsettled", 4, f"{deployment}: {hosts} cannot be heard ({self._why()}){alone}", resume)
        behind = [host for host in self.members if not self.settled(host)]
        if behind:
            known = f"is {self.decision}, and" if self.decision else "is not decided;"
            stages = ", ".join(f"{host} is {self.progress[host].stage or 'without a record of it'}" for host in behind)
            return self._verdict("unsettled", 4, f"{deployment} {known} {stages}", resume)
        if self.decision == "committed":
            return self._live(serving, resume)
        if self.decision == "reverted":
            return self._verdict(
                "undone", 1, f"{deployment} is undone on {self._all()}, what served before serves{self._cause()}", self._next()
            )
        return self._undecided()

    def _live(self, serving: Mapping[str, int | None], resume: str) -> Verdict:
        deployment, number = self.attempt.deployment, self.attempt.fence
        elsewhere = sorted(host for host in self.members if (serving.get(host) or 0) < number)
        if elsewhere:
            message = f"{deployment} is committed, and {', '.join(elsewhere)} does not serve it"
            return self._verdict("unsettled", 4, message, f"{resume} tells it again; shipway status {self.environment} shows each host")
        later = {generation for generation in serving.values() if generation is not None and generation > number}
        if later:
            message = f"{deployment} was committed on {self._all()}; generation {max(later)} has followed it"
            return self._verdict("live", 0, message, f"shipway status {self.environment}")
        ordered = str(self.attempt.document.get("what") or "")
        version = str(self.attempt.document.get("version") or deployment)
        done = f"{ordered} in {self.environment}" if ordered else f"{version} is live in {self.environment}"
        return self._verdict("live", 0, f"{done}: {deployment} is committed and serves on {self._all()}", "")

    def _undecided(self) -> Verdict:
        deployment, kind = self.attempt.deployment, str(self.attempt.document.get("kind") or "")
        everybody = set(self.members)
        if kind in SETTLES:
            return self._verdict("unchanged", 0, f"{kind} {deployment} has ended", f"shipway status {self.environment}")
        if kind == "prepare" and self.telling.voted >= everybody and self.telling.finished >= everybody:
            return self._verdict("prepared", 0, f"{deployment} is prepared on {self._all()}", f"shipway deploy {self.environment}")
        if not self.telling.voted and self.telling.finished:
            message = f"{deployment} ended before it touched anything: refused, or nothing was to be done"
            return self._verdict("refused", 3, message, f"shipway status {self.environment}")
        message = f"{deployment} was never decided: {self._all()} discarded what was prepared, and what served before serves"
        return self._verdict("undone", 1, f"{message}{self._cause()}", self._next())

    def _verdict(self, verdict: str, code: int, message: str, hint: str) -> Verdict:
        return Verdict(verdict, code, message, hint, self.attempt.deployment)

    def _cause(self) -> str:
        failure = self.telling.failure
        return f": {failure.message} on {failure.host} in step {failure.title}" if failure is not None else ""

    def _next(self) -> str:
        failure = self.telling.failure
        command = str(self.attempt.document.get("command") or "")
        if failure is not None:
            typed = command or f"shipway deploy {self.environment}"
            return hint(failure.code, environment=self.environment, host=failure.host).replace(AGAIN, typed)
        commit = str(self.attempt.document.get("commit") or "")
        ref = f" --ref {commit[:12]}" if commit else ""
        return f"{command} does it again" if command else f"shipway deploy {self.environment}{ref} ships it again"

    def _all(self) -> str:
        return named(self.members)

    def _why(self) -> str:
        return "; ".join(sorted(set(self.absent.values())))


def _has_ended(attempt: Attempt, facts: Mapping[str, HostFacts]) -> bool:
    """Whether it came as far as a decision, or prepared what it was meant to: a refused one is no last deployment."""
    known: Sequence[Attempt] = [found for fact in facts.values() if (found := fact.member.attempt(attempt.deployment)) is not None]
    return attempt.document.get("kind") == "prepare" or any(one.stage in DECISIONS for one in known)

"""Commands of a release in, what they show and do out: for whatever has no adapter of its own."""

from __future__ import annotations

from typing import Any, List, Tuple

from shipway_agent.data.migrations.declared import Migrations, runner_of
from shipway_agent.data.migrations.migration import CONTRACT, Migration, Say, phase_of
from shipway_agent.errors import AgentError
from shipway_agent.primitives import Context
from shipway_agent.typed import Callable

VARIABLE = "MIGRATION"
WORDS = ("irreversible", "destructive", CONTRACT)
APPLIED = "applied"
MOST_LINES = 10_000


class Commands:
    """`show` prints a line each; what is applied is known by asking it again, so none of them counts as atomic."""

    def __init__(self, context: Context, declared: Migrations, moot: Callable[[], bool], keep: Tuple[int, ...]) -> None:
        self._context = context
        self._declared = declared
        self._moot = moot
        self._keep = keep

    def applied(self) -> List[str]:
        return [one.name for one, applied in self._shown() if applied]

    def known(self) -> List[Migration]:
        return [one for one, _ in self._shown()]

    def apply(self, migration: Migration, say: Say) -> None:
        self._run(migration.name, self._declared.run, "apply", say)

    def reverse(self, name: str, say: Say) -> None:
        if self._declared.reverse is None:
            raise AgentError("migration-irreversible", f"{name} cannot be taken back: [migrations] has no reverse", migration=name)
        self._run(name, self._declared.reverse, "take back", say)

    def mark(self, name: str, applied: bool) -> None:
        if (name in self.applied()) != applied:
            says = "is applied" if applied else "is not applied"
            message = (
                f"the command that shows migrations must say that {name} {says}: that is its own bookkeeping, which nobody else writes"
            )
            raise AgentError("migration-failed", message, migration=name)

    def changed(self) -> List[str]:
        return []

    def finish(self, say: Say) -> None:
        """Nothing follows them."""

    def close(self) -> None:
        """Nothing stays."""

    def _run(self, name: str, command: Any, what: str, say: Say) -> None:
        runner = runner_of(self._context, self._declared, {VARIABLE: name})
        ended = runner.run(command, runner.timeout_seconds, say, self._moot, keep=self._keep)
        if ended.exit != 0:
            how = f"ended with exit code {ended.exit}"
            if ended.exit is None:
                how = "was ended, for the lock in the database was lost" if self._moot() else "was ended, for it took too long"
            raise AgentError("migration-failed", f"the command to {what} {name} {how}", ended.lines, migration=name)

    def _shown(self) -> List[Tuple[Migration, bool]]:
        lines: List[str] = []
        runner = runner_of(self._context, self._declared)
        ended = runner.run(self._declared.show, runner.timeout_seconds, lines.append)
        if ended.exit != 0:
            raise AgentError("migration-failed", "the command that shows migrations failed", ended.lines)
        if len(lines) > MOST_LINES:
            raise AgentError("migration-failed", f"the command that shows migrations printed more than {MOST_LINES} lines")
        reversible = self._declared.reverse is not None
        return [_read(words, reversible) for line in lines if (words := line.split())]


def _read(words: List[str], reversible: bool) -> Tuple[Migration, bool]:
    applied = words[0] == APPLIED and len(words) > 1
    name, flags = (words[1], words[2:]) if applied else (words[0], words[1:])
    strange = [word for word in flags if word not in WORDS]
    if strange:
        known = ", ".join(WORDS)
        raise AgentError("migration-failed", f"the command that shows migrations says {strange[0]!r} of {name}; it may say: {known}")
    irreversible = ["its command says so"] if "irreversible" in flags else [] if reversible else ["[migrations] has no reverse"]
    destructive = ["its command says so"] if "destructive" in flags else []
    return Migration(name, phase_of(flags), irreversible, destructive, atomic=False), applied

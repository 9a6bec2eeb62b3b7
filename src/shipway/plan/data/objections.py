"""Pending migrations in; out, what a person must know of them before they run, and one Refused for those that shall not be deployed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.migration import SERVING, Migration, Pending
from shipway.plan.data.hold import hold_refusal
from shipway.plan.data.phases import runner, why_contract_waits
from shipway.plan.gates import UNTOUCHED

WORDS: Mapping[str, str] = {
    "breaking": "breaks what serves",
    "destructive": "destroys data",
    "irreversible": "cannot be taken back",
}
"""What [migrations] may refuse, as a sentence goes on."""


def pass_migration_gates(intent: Intent, pending: Pending | None) -> None:
    """Raises Refused: nobody can run them, requests cannot be held for them, or [migrations] refuses them. All that it refuses is named."""
    declared, name = intent.shipment.migrations, intent.environment.name
    if declared is None or pending is None:
        return
    host, away = runner(intent), {one.name for one in intent.environment.without}
    if not host:
        raise _refused(
            "migrations-keeper", f"nobody runs the migrations of {declared.data}: no host has its roles", "give a host one of them"
        )
    if host in away and not pending.nothing:
        raise _refused(
            "migrations-keeper",
            f"{host} runs the migrations of {declared.data} and is left out, and whether any are pending is not known without it",
            f"mend {host}; or deploy a commit without [migrations]",
        )
    why = hold_refusal(intent) if pending.of("held") else None
    if why is not None:
        first = pending.of("held")[0]
        hint = f"change that in shipway.toml; or ship {first.name} otherwise than held ({first.path})"
        raise _refused("held-migrations", f"{first.name} is held, and {why}", hint)
    refused = [
        f"{one.name} {WORDS[kind]}: {words}" for one in pending.migrations for kind in declared.refuse for words in getattr(one, kind)
    ]
    if refused:
        listed = ", ".join(f'"{kind}"' for kind in declared.refuse)
        raise Refused(
            f"{_many(refused, 'thing')} of the pending migrations of {name} {'is' if len(refused) == 1 else 'are'} refused by shipway.toml",
            state=UNTOUCHED,
            hint=f"change them, or take what is meant out of refuse = [{listed}] in [migrations], and commit",
            code="migrations-refused",
            details=refused,
        )


def left_behind(pending: Pending | None, facts: Mapping[str, HostFacts]) -> list[str]:
    """Pending ones that the release that serves has itself: they waited for the one before it."""
    if pending is None:
        return []
    known = {name for fact in facts.values() for name in pending.schema.left.get(fact.member.current or 0, ())}
    return [one.name for one in pending.migrations if one.name in known]


def migration_notes(intent: Intent, pending: Pending | None, facts: Mapping[str, HostFacts]) -> list[str]:
    """Sentences about what will happen: what breaks the release that serves, what waits, what is not known before the hosts have it."""
    declared = intent.shipment.migrations
    if declared is None or pending is None:
        return []
    if pending.nothing:
        return ["no migrations are pending"]
    notes = list(_lint(pending, facts))
    left, warm = left_behind(pending, facts), max((fact.warm_seconds for fact in facts.values()), default=0.0)
    if left and warm:
        notes.append(
            f"{_first(left)} of what serves {'waits' if len(left) == 1 else 'wait'}: a release before stays warm for {warm:.0f} s more"
        )
    if pending.schema.open:
        notes.append(
            f"{pending.schema.open} began and has no known ending: {runner(intent)} asks the database first, and says what to type"
        )
    contract = [one.name for one in pending.of("contract")]
    why = why_contract_waits(intent) if contract else ""
    if why:
        runs = f"the next deployment runs what waits, or shipway data migrate {intent.environment.name}"
        notes.append(f"{', '.join(contract)} {'waits' if len(contract) == 1 else 'wait'}: {why}; {runs}")
    if not pending.complete:
        why = "packages may bring migrations of their own" if declared.adapter == "django" else "its own commands alone know all"
        notes.append(f"{why}: what else is pending is seen once the release is on its host")
    elif not pending.schema.known and any(fact.live is not None for fact in facts.values()):
        notes.append("what serves declares no migrations, so which are pending is seen once the release is on its host")
    if pending.strangers:
        notes.append(f"applied, and not in this commit: {_first(pending.strangers)}")
    return notes


def _lint(pending: Pending, facts: Mapping[str, HostFacts]) -> Iterator[str]:
    """What breaks the release that serves, with its version, and what to do about it."""
    versions = {str(fact.live.get("version") or "") for fact in facts.values() if fact.live is not None}
    if not versions:
        return
    version = versions.pop() if len(versions) == 1 else ""
    for one in pending.migrations:
        for words in one.breaking:
            yield f"{_short(one)} {words.replace(SERVING, version or SERVING)}: {_remedy(words)}"


def _remedy(words: str) -> str:
    if words.startswith("adds "):
        return "give it a default in the database"
    return "mark it `shipway: contract`, or `shipway: held`"


def _short(one: Migration) -> str:
    return one.name if "_" in one.name or not one.path else f"{one.name} ({one.path.rpartition('/')[2]})"


def _many(found: Sequence[str], what: str) -> str:
    return f"{len(found)} {what}{'' if len(found) == 1 else 's'}"


def _first(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _refused(code: str, message: str, hint: str) -> Refused:
    return Refused(message, state=UNTOUCHED, hint=hint, code=code)

"""A generation's migrations in; out, which are pending, those of one phase applied, or some taken back: each once, under the lock.

One that is atomic is done or not, whoever dies, and the database says which. Of any other it is noted on disk that it began: while it has
no known ending nothing else is run, and a person settles it.
"""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from shipway_agent import clock
from shipway_agent.apply import pointed
from shipway_agent.data.migrations import notes
from shipway_agent.data.migrations.database import Lock, locked
from shipway_agent.data.migrations.declared import Migrations, migrations_of
from shipway_agent.data.migrations.migration import HELD, Adapter, Migration, phased
from shipway_agent.data.migrations.notes import Open
from shipway_agent.data.programs import Work, work_of
from shipway_agent.errors import AgentError
from shipway_agent.hold import touch
from shipway_agent.orphans import end, orphans
from shipway_agent.primitives import Context, generations
from shipway_agent.record import replace

Tell = Callable[[str], None]

WAIT_SECONDS = 10.0
"""How long somebody else's lock is waited for."""


def look(
    context: Context, number: int, tell: Tell, *, overdue: Optional[Sequence[str]] = None, phases: Optional[Sequence[str]] = None
) -> Dict[str, Any]:
    """What of a generation's migrations is pending. Changes nothing but what is noted of its schema.

    `phases` are those that its deployment runs, `overdue` as in `run`. Raises AgentError `migrations-open`, `migrations-changed` where
    something is pending that nobody would run, and what the adapter raises.
    """
    declared = _declared(context, number)
    with closing(adapter_of(context, declared)) as adapter:
        settle_open(context, declared, adapter)
        applied = adapter.applied()
        known = _known(context, declared, adapter, applied, overdue)
        changed = adapter.changed()
    pending = _pending(known, applied)
    strange = [one.name for one in pending if phases is not None and one.phase not in phases]
    if strange:
        message = f"{', '.join(strange)} of {declared.data.name} is pending, and this deployment was planned without it"
        raise AgentError("migrations-changed", message, migration=strange[0])
    strangers = [name for name in applied if name not in {one.name for one in known}]
    notes.leave(context.root, declared.generation, applied, known)
    said = [_count(pending)] + [f"{', '.join(changed)}: the file is another one than was applied"] * bool(changed)
    return {"pending": [one.to_json() for one in pending], "applied": len(applied), "strangers": strangers, "note": "; ".join(said)}


def run(
    context: Context, number: int, phase: str, held: Sequence[str], tell: Tell, *, overdue: Optional[Sequence[str]] = None
) -> Dict[str, Any]:
    """Apply what is pending of a phase, in order. `held` are those for which requests are known to wait; where they do, others may too.

    `overdue` are contract ones for which nobody needs to wait on any host; None where nobody asked the others.

    Contract migrations are applied with whatever depends on them. Before the first held one the record is told (hold.touch). Raises
    AgentError `migrations-changed` where one wants requests to wait and they do not, `migrations-open`, `migrations-busy`,
    `migration-failed`, and what touch raises.
    """
    declared = _declared(context, number)
    with _alone(context, declared) as (adapter, _):
        applied = adapter.applied()
        known = _known(context, declared, adapter, applied, overdue)
        todo = [one for one in _pending(known, applied) if one.phase == phase]
        _refuse_unheld(todo, held)
        if phase == HELD and todo:
            touch(context, declared.data.name)
        ran: List[Tuple[str, float]] = []
        try:
            for one in todo:
                ran.append((one.name, _apply(context, declared, adapter, one, tell)))
        except AgentError as error:
            error.facts["ran"] = [list(done) for done in ran]
            raise
        applied = adapter.applied() if ran else applied
        missing = [name for name, _ in ran if name not in applied]
        if missing:
            raise AgentError("migration-failed", f"{', '.join(missing)} ran, and the database does not say so", migration=missing[0])
        notes.leave(context.root, declared.generation, applied, known)
        adapter.finish(tell)
    if not ran:
        return {"ran": [], "applied": len(applied), "skipped": True}
    names = ", ".join(name for name, _ in ran)
    return {"ran": [list(one) for one in ran], "applied": len(applied), "note": f"migrated {declared.data.name}: {names}"}


def reverse(context: Context, number: int, names: Sequence[str], tell: Tell, *, held: bool = False) -> Dict[str, Any]:
    """Take these back in this order, with the code of a generation that has them. Those that are not applied are left out.

    Where requests wait (`held`) the record is told before the first (hold.touch). Raises AgentError `migration-irreversible` before any is
    touched where the code says so, and as `run` does.
    """
    declared = _declared(context, number)
    with _alone(context, declared) as (adapter, _):
        known = {one.name: one for one in adapter.known()}
        there = set(adapter.applied())
        todo = [name for name in names if name in there]
        unknown = [name for name in todo if name not in known]
        if unknown:
            message = f"generation {number} does not have {', '.join(unknown)}: its code cannot take that back"
            raise AgentError("migration-irreversible", message, migration=unknown[0])
        stays = [f"{name} ({'; '.join(known[name].irreversible)})" for name in todo if known[name].irreversible]
        if stays:
            raise AgentError("migration-irreversible", f"these cannot be taken back: {', '.join(stays)}", migration=todo[0])
        if held and todo:
            touch(context, declared.data.name)
        done = [[name, _reverse(context, declared, adapter, known[name], tell)] for name in todo]
        applied = adapter.applied()
        adapter.finish(tell)
    words = ", ".join(str(name) for name, _ in done) or "nothing"
    return {"reversed": done, "applied": len(applied), "note": f"taken back in {declared.data.name}: {words}"}


def again(context: Context, number: int, names: Sequence[str], tell: Tell) -> Dict[str, Any]:
    """Apply these once more, in their order, with the code of a generation that has them: those that somebody took back in vain.

    Whatever is applied stays as it is. Raises AgentError as `run` does.
    """
    declared = _declared(context, number)
    with _alone(context, declared) as (adapter, _):
        there = set(adapter.applied())
        todo = [one for one in adapter.known() if one.name in names and one.name not in there]
        ran = [[one.name, _apply(context, declared, adapter, one, tell)] for one in todo]
        applied = adapter.applied()
    words = ", ".join(str(name) for name, _ in ran) or "nothing"
    return {"ran": ran, "applied": len(applied), "note": f"applied again in {declared.data.name}: {words}"}


def settle(context: Context, number: int, name: str, how: str) -> Dict[str, Any]:
    """What a person says of the one that is open: "done", or "again" for not done. Raises AgentError `no-open-migration`.

    The generation that ran it knows it, where that is still here: the one that serves, `number`, may be older.
    """
    declared = _declared(context, number)
    data = declared.data.name
    found = notes.open_of(context.root, data)
    if found is None or found.migration != name:
        raise AgentError("no-open-migration", f"{name} is not open in {data}", migration=name)
    _refuse_running(context, found)
    applied = (how == "done") != found.back
    if generations.read(context.root, found.generation) is not None:
        declared = _declared(context, found.generation)
    with locked(context.root, declared.data, _work(context, declared), WAIT_SECONDS), closing(adapter_of(context, declared)) as adapter:
        if (name in adapter.applied()) != applied:
            adapter.mark(name, applied)
    notes.end(context.root, data)
    return {"note": f"{name} counts as {'done' if how == 'done' else 'not done'} in {declared.data.name}"}


def schema(context: Context, number: int) -> Dict[str, Any]:
    """What the database says of its own schema, and what this host remembers of it: as docs/contracts.md has it."""
    declared = migrations_of(context.root, number)
    if declared is None:
        return {"known": False, "applied": [], "open": "", "sizes": {}, "took": {}, "generations": notes.schemas(context.root)}
    found = notes.open_of(context.root, declared.data.name)
    return {
        "known": True,
        "applied": adapter_of(context, declared).applied(),
        "open": found.migration if found is not None else "",
        "sizes": _sizes(context, declared),
        "took": notes.took(context.root, declared.data.name),
        "generations": notes.schemas(context.root),
    }


def adapter_of(context: Context, declared: Migrations, lock: Optional[Lock] = None) -> Adapter:
    """What knows this kind. With a lock everything that it starts ends when that is lost. Raises AgentError `migrations-adapter`."""
    moot = lock.lost if lock is not None else _never
    keep = lock.keep if lock is not None else ()
    if declared.adapter == "sql":
        from shipway_agent.data.migrations.sql import Sql

        return Sql(context.root, declared, replace(_work(context, declared), moot=moot))
    if declared.adapter == "commands":
        from shipway_agent.data.migrations.commands import Commands

        return Commands(context, declared, moot, keep)
    if declared.adapter == "django":
        from shipway_agent.data.migrations.django import Django

        return Django(context, declared, replace(_work(context, declared), moot=moot), keep)
    if declared.adapter == "alembic":
        from shipway_agent.data.migrations.alembic import Alembic

        return Alembic(context, declared, replace(_work(context, declared), moot=moot), keep)
    message = f"this agent knows no migrations for {declared.adapter!r}; operator and agent are of different versions"
    raise AgentError("migrations-adapter", message)


def settle_open(context: Context, declared: Migrations, adapter: Adapter) -> None:
    """Let the database say how one ended that began.

    Raises AgentError `migrations-open` where it cannot, `migrations-busy` while it runs.
    """
    found = notes.open_of(context.root, declared.data.name)
    if found is None:
        return
    _refuse_running(context, found)
    there = found.migration in adapter.applied()
    if there != found.back or found.atomic:
        notes.end(context.root, declared.data.name)
        return
    what = "taking it back" if found.back else "it"
    raise AgentError(
        "migrations-open",
        f"migration {found.migration} began in {found.deployment or 'a run by hand'}, and whether {what} took effect is not known: "
        f"it is in no transaction, and data {declared.data.name} does not say so",
        migration=found.migration,
        data=declared.data.name,
    )


@contextmanager
def _alone(context: Context, declared: Migrations) -> Iterator[Tuple[Adapter, Lock]]:
    work = _work(context, declared)
    with locked(context.root, declared.data, work, WAIT_SECONDS) as lock, closing(adapter_of(context, declared, lock)) as adapter:
        settle_open(context, declared, adapter)
        yield adapter, lock


def _apply(context: Context, declared: Migrations, adapter: Adapter, one: Migration, tell: Tell) -> float:
    tell(f"applying {one.name}")
    with _noted(context, declared, adapter, one, back=False) as began:
        adapter.apply(one, tell)
    seconds = round(time.monotonic() - began, 3)
    notes.note_took(context.root, declared.data.name, one.name, seconds)
    return seconds


def _reverse(context: Context, declared: Migrations, adapter: Adapter, one: Migration, tell: Tell) -> float:
    tell(f"taking {one.name} back")
    with _noted(context, declared, adapter, one, back=True) as began:
        adapter.reverse(one.name, tell)
    return round(time.monotonic() - began, 3)


@contextmanager
def _noted(context: Context, declared: Migrations, adapter: Adapter, one: Migration, *, back: bool) -> Iterator[float]:
    """What began is on disk for as long as it runs, and beyond where nobody can say how it ended."""
    root, data = context.root, declared.data.name
    noted = Open(one.name, declared.generation, context.deployment, context.key, one.atomic, back)
    notes.begin(root, data, noted)
    try:
        yield time.monotonic()
    except AgentError as error:
        if error.code == "migration-irreversible":
            notes.end(root, data)
            raise
        if error.facts.get("untouched"):
            notes.end(root, data)
            raise _failed(one, f"was not begun: {error.message}", error) from None
        if not one.atomic or error.facts.get("open"):
            notes.begin(root, data, replace(noted, atomic=False))
            raise _failed(one, f"failed; what it did before that stays, for it is in no transaction: {error.message}", error) from None
        try:
            done = (one.name in adapter.applied()) != back
        except AgentError:
            raise _failed(one, f"failed; whether it took effect the database will say once it answers: {error.message}", error) from None
        if not done:
            notes.end(root, data)
            raise _failed(one, f"failed, and changed nothing: {error.message}", error) from None
    notes.end(root, data)


def _failed(one: Migration, what: str, error: AgentError) -> AgentError:
    return AgentError("migration-failed", f"{one.name} {what}", error.lines, migration=one.name)


def _refuse_running(context: Context, found: Open) -> None:
    """One whose agent was killed may run on, within its own bound; what is past it is ended."""
    for orphan in orphans(context.root):
        if (orphan.deployment, orphan.key) != (found.deployment, found.key):
            continue
        if clock.boot_now() < orphan.until:
            raise AgentError("migrations-busy", f"{found.migration} still runs, of an agent that was killed", migration=found.migration)
        end(orphan)


def _refuse_unheld(todo: Sequence[Migration], held: Sequence[str]) -> None:
    strange = [one.name for one in todo if one.phase == HELD]
    if strange and not held:
        message = f"{', '.join(strange)} must run while requests wait, and this deployment was planned without that"
        raise AgentError("migrations-changed", message, migration=strange[0])


def _pending(known: Sequence[Migration], applied: Sequence[str]) -> List[Migration]:
    there = set(applied)
    return [one for one in known if one.name not in there]


def _known(
    context: Context, declared: Migrations, adapter: Adapter, applied: Sequence[str], allowed: Optional[Sequence[str]]
) -> List[Migration]:
    """Those of the release with their phases: what serves here too is overdue, unless another host is known to need it."""
    live = pointed(context.root)
    overdue: Optional[Set[str]] = None
    if live is not None:
        there = notes.left_by(context.root, live).get("known", {}) if live != declared.generation else {}
        overdue = {name for name in there if allowed is None or name in allowed}
    return phased(adapter.known(), held=declared.held, applied=applied, overdue=overdue)


def _sizes(context: Context, declared: Migrations) -> Mapping[str, int]:
    from shipway_agent.data.migrations.database import opened

    with opened(context.root, declared.data, _work(context, declared)) as database:
        return {str(table): int(size) for table, size in database.sizes()}


def _work(context: Context, declared: Migrations) -> Work:
    work = work_of(context, declared.data.environment, declared.timeout_seconds)
    return replace(work, moot=_never)  # what users may see is left to end by itself


def _declared(context: Context, number: int) -> Migrations:
    declared = migrations_of(context.root, number)
    if declared is None:
        raise AgentError("no-migrations", f"generation {number} declares no migrations", generation=number)
    return declared


def _count(pending: Sequence[Migration]) -> str:
    if not pending:
        return "no migrations are pending"
    names = ", ".join(one.name for one in pending[:5]) + (f" and {len(pending) - 5} more" if len(pending) > 5 else "")
    return f"pending: {names}"


def _never() -> bool:
    return False

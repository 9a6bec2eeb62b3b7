"""Pending migrations in; out, the waves of a deployment in which they run, and what runs behind its commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Intent, Migrations
from shipway.model.migration import Pending, Phase
from shipway.model.plan import Step, Wave
from shipway.plan.data.hold import hold_wave
from shipway.plan.data.migrations import migrated, migrations_look, migrations_run
from shipway.plan.data.points import keeper, point_behind

GONE_SECONDS = 60.0
"""How long a driver stays to see the release before end, for contract migrations: what takes longer waits for somebody's command."""

BEFORE: tuple[Phase, Phase] = ("expand", "held")
"""Phases that run before the switch, in order."""

Lists = Mapping[str, Sequence[Step]]


def with_look(last: Lists, intent: Intent, number: int, pending: Pending | None) -> dict[str, tuple[Step, ...]]:
    """The last steps of prepare, and before them, on the host that runs migrations, a look at what is pending: no vote goes before it."""
    declared, host = intent.shipment.migrations, runner(intent)
    if declared is None or pending is None:
        return {name: tuple(todo) for name, todo in last.items()}
    look = migrations_look(declared, number, _phases(declared, pending), pending.overdue)
    return {name: (look, *todo) if name == host else tuple(todo) for name, todo in last.items()}


def _phases(declared: Migrations, pending: Pending) -> list[str]:
    """Those that the plan runs, or has wait: where only the host sees all, no more may be pending for them than it was asked for."""
    found: set[str] = {one.phase for one in pending.migrations}
    if not pending.certain:
        found |= {"expand", "contract", *(["held"] if declared.held else [])}
    return sorted(found)


def hold_waves(intent: Intent, documents: Mapping[str, Json], pending: Pending | None) -> tuple[Wave, ...]:
    """Requests wait from here on, where a migration needs that and anybody is served yet."""
    declared = intent.shipment.migrations
    if declared is None or pending is None or not pending.of("held"):
        return ()
    return (hold_wave(documents, declared.hold_seconds),)


def migration_waves(intent: Intent, number: int, pending: Pending | None) -> tuple[Wave, ...]:
    """Expand migrations, then those for which requests wait, by the one host. Where it is known that there are none of a phase, no wave.

    Where all are held and only the host sees those of packages, it is asked for these as well, and says no: nobody waits for them.
    """
    declared, host = intent.shipment.migrations, runner(intent)
    if declared is None or pending is None:
        return ()
    expand, held = ([one.name for one in pending.of(phase)] for phase in BEFORE)
    waves, late = [], pending.overdue
    if expand or not pending.certain:
        waves.append(Wave("expand migrations", "activate", {host: (migrations_run(declared, number, "expand", [], expand, late),)}))
    if held or (declared.held and not pending.certain):
        waves.append(Wave("held migrations", "activate", {host: (migrations_run(declared, number, "held", held, held, late),)}))
    return tuple(waves)


def after_commit(intent: Intent, number: int, pending: Pending | None) -> dict[str, tuple[Step, ...]]:
    """Contract migrations, with a restore point right before them; none where the release before is still needed somewhere.

    Where only the host sees all of them they are planned too, for the case that it sees some.
    """
    declared, data = intent.shipment.migrations, migrated(intent)
    if declared is None or data is None or pending is None or why_contract_waits(intent):
        return {}
    if pending.certain and not pending.of("contract"):
        return {}
    run = migrations_run(declared, number, "contract", [], [one.name for one in pending.of("contract")])
    return {runner(intent): (run,) if data.points == "never" else (point_behind(data, number), run)}


def why_contract_waits(intent: Intent) -> str:
    """Who still needs the release before when everything is committed; "" where nobody does."""
    environment = intent.environment
    if environment.without:
        return f"{', '.join(host.name for host in environment.without)} goes on serving the release before"
    return f"the release before stays warm for {environment.keep_warm_seconds:g} s" if environment.keep_warm_seconds > 0 else ""


def gone_seconds(facts: Mapping[str, HostFacts]) -> float:
    """How long what serves now may take to end, once something else does; a driver does not stay longer than it must."""
    drains = [float(p["drain_seconds"]) for fact in facts.values() if fact.live is not None for p in fact.live["processes"]]
    return min(GONE_SECONDS, max(drains, default=0.0) + 10.0)


def runner(intent: Intent) -> str:
    """The host that runs migrations: the one that keeps the restore points of their data. "" where none does."""
    data = migrated(intent)
    return keeper(data, intent) if data is not None else ""

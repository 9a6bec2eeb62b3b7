"""Intent in; out, what a generation says of its migrations, and the steps that run them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shipway.model.intent import Data, Intent, Migrations
from shipway.model.plan import Step
from shipway.plan.data.points import GRACE_SECONDS, keeper
from shipway.plan.runtimes.process import command

TITLED = 3
"""Migrations that a step's title names."""


def migrations_row(intent: Intent) -> dict[str, Any]:
    """What every generation says of them, with the host that runs them: the one that keeps the restore points. {} where it has none."""
    declared, data = intent.shipment.migrations, migrated(intent)
    if declared is None or data is None:
        return {}
    return {
        "adapter": declared.adapter,
        "data": declared.data,
        "host": keeper(data, intent),
        "run": declared.run and command(declared.run),
        "show": declared.show and command(declared.show),
        "reverse": declared.reverse and command(declared.reverse),
        "path": declared.path,
        "directory": declared.directory,
        "held": declared.held,
        "lock_seconds": declared.lock_seconds,
        "timeout_seconds": declared.timeout_seconds,
    }


def migrated(intent: Intent) -> Data | None:
    """The data that the shipped commit's migrations change."""
    declared = intent.shipment.migrations
    return next((data for data in intent.environment.data if declared is not None and data.name == declared.data), None)


def migrations_look(declared: Migrations, number: int, phases: Sequence[str] | None = None, overdue: Sequence[str] | None = None) -> Step:
    """What is pending, by the release itself on its host; changes nothing. What [migrations] refuses fails there, where nobody saw it, and

    so does what is pending for a phase that is none of the plan's `phases`. `overdue` as Pending has it; None leaves it to the host.
    """
    args: dict[str, Any] = {"generation": number, **_late(overdue)}
    if phases is not None:
        args["phases"] = list(phases)
    if declared.refuse:
        args["refuse"] = list(declared.refuse)
    return Step("migrations", "migrations.look", args, "see which migrations are pending", _bound(declared))


def migrations_run(
    declared: Migrations, number: int, phase: str, held: list[str], known: Sequence[str] = (), overdue: Sequence[str] | None = None
) -> Step:
    """Those of one phase, in order, each once. `held` are the names for which requests wait: without any, one that must is refused.

    `known` are those that are expected, for the title. `overdue` as in migrations_look.
    """
    args = {"generation": number, "phase": phase, "held": held, **_late(overdue)}
    return Step(f"migrate:{phase}", "migrations.run", args, f"run {phase} migrations{_named(known)}", _bound(declared))


def migrations_reverse(declared: Migrations, code: int, names: list[str]) -> Step:
    """Take these back, in this order, with the code of generation `code`, which has them."""
    args = {"generation": code, "names": names}
    return Step("migrate:reverse", "migrations.reverse", args, f"take {len(names)} migrations back", _bound(declared))


def _late(overdue: Sequence[str] | None) -> dict[str, list[str]]:
    return {} if overdue is None else {"overdue": list(overdue)}


def _named(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f": {', '.join(names[:TITLED])}" + (f" and {len(names) - TITLED} more" if len(names) > TITLED else "")


def _bound(declared: Migrations) -> float:
    return declared.timeout_seconds + GRACE_SECONDS

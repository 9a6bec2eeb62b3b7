"""Errors of hosts and endings in, one ShipwayError out: what happened, what state things are in, the command to type next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shipway.execute.fleet import Fleet, worst
from shipway.flows.hints import hint
from shipway.flows.silent_lead import without_lead
from shipway.flows.without import or_without
from shipway.model.errors import (
    AGAIN,
    Failed,
    HostError,
    LinkLost,
    Refused,
    ShipwayError,
    StepFailed,
    Unreachable,
    Unrestored,
    Unsettled,
)
from shipway.reports.few import named

if TYPE_CHECKING:
    from shipway.execute.conduct import Outcome
    from shipway.execute.decision import Ending

REASON_LINES = 20
"""Last lines of what failed that go to the lead with the undo."""


def unreachable(errors: Mapping[str, HostError], fleet: Fleet, *, may_leave_out: bool = False) -> ShipwayError:
    """Hosts that could not be reached or read before anything began. `may_leave_out`: the command knows --without, the other way out."""
    first = worst(errors)
    hosts = named(sorted(errors))
    return Refused(
        f"{_verb(first)} {hosts}: {first.message}",
        state="nothing was touched; every host serves what it served",
        hint=_hint(first, fleet) + (or_without(errors, len(fleet.names) - len(errors)) if may_leave_out else ""),
        code=first.code,
        details=[*(f"{name}: {error.message}" for name, error in sorted(errors.items()) if len(errors) > 1), *first.lines],
    )


def gone_behind_a_settlement(refused: Refused, deployments: tuple[str, ...], environment: str) -> ShipwayError:
    """A host that could not be read any more when what another driver had left open was settled: no longer *nothing was touched*."""
    return Unsettled(
        refused.message,
        state=f"{', '.join(deployments)}, left open by another driver, was settled on every host; this command began nothing of its own",
        hint=f"shipway status {environment} shows each host; {AGAIN} when all of them answer",
        code=refused.code,
        details=refused.details,
    )


def silent(ending: Ending, deployment: str, environment: str, *, said: str = "") -> ShipwayError:
    """A decision that could not be made, or that some members have not acknowledged. What was `said` already is not said again."""
    hosts = named(sorted(ending.silent))
    why = worst(ending.silent).message
    because = "" if why in said else f" ({why})"
    unrestored = next((error for error in ending.silent.values() if isinstance(error, Unrestored)), None)
    if unrestored is not None:
        return Unsettled(
            f"deployment {deployment} is not settled: {unrestored.message}",
            state=f"nobody writes: requests wait on every host, and then get the page; {unrestored.host} tries again by itself",
            hint=f"mend what {unrestored.host} says, then shipway resume {environment}; the old release answers as soon as it is done",
            code="unrestored",
            details=_lines(ending.silent),
        )
    if ending.decision is None:
        return Unsettled(
            f"deployment {deployment} is not settled: its lead {hosts} cannot be heard{because}",
            state="each host keeps its release until its deadline, then goes back by itself to the one before",
            hint=without_lead(environment, tuple(ending.silent)),
            code="lead-silent",
            details=_lines(ending.silent),
        )
    return Unsettled(
        f"deployment {deployment} is {ending.decision}, but {hosts} has not acknowledged it{because}",
        state=f"every other host follows the decision; {hosts} asks the lead by itself as soon as it can",
        hint=f"shipway resume {environment} tells it again; shipway status {environment} shows each host",
        code="behind",
        details=_lines(ending.silent),
    )


def failed(outcome: Outcome, deployment: str, fleet: Fleet, *, serving: str) -> ShipwayError:
    """A plan that did not end live. `serving` names what serves everywhere when it was undone."""
    ending = outcome.ending
    message, details = _why(outcome)
    if ending is not None and not ending.settled:
        error = silent(ending, deployment, fleet.environment, said=message)
        every = list(dict.fromkeys([*details, *error.details]))
        return Unsettled(f"{message}; {error.message}", state=error.state, hint=error.hint, code=error.code, details=every)
    kept = f"; these tasks ran and have no undo: {', '.join(outcome.kept_tasks)}" if outcome.kept_tasks else ""
    undone = f"; undone: {', '.join(outcome.undone_tasks)}" if outcome.undone_tasks else ""
    stay = f"; these migrations ran and stay: {', '.join(outcome.migrated)}" if outcome.migrated else ""
    state = f"undone on every host: {serving}{undone}{kept}{stay}"
    if not outcome.errors:
        return Failed(message, state=state, hint=AGAIN, code="interrupted", details=details)
    first = worst(outcome.errors)
    return Failed(message, state=state, hint=_hint(first, fleet), code=first.code, details=details)


def reason(outcome: Outcome, fleet: Fleet, kind: str, command: str = "") -> dict[str, object]:
    """Why a deployment is undone, for the lead: once nobody is at this terminal any more, it is what people hear.

    `command` is what was typed, where it does not follow from the kind.
    """
    again = command or f"shipway {kind if kind in ('rollback', 'prepare') else 'deploy'} {fleet.environment}"
    if not outcome.errors:
        return {"what": _why(outcome)[0], "where": outcome.where, "next": again}
    first = worst(outcome.errors)
    return {
        "what": f"{'the link to it is lost: ' if _is_lost(first) else ''}{first.message}{_also(outcome.errors, first)}",
        "where": outcome.where,
        "step": first.title if isinstance(first, StepFailed) else "",
        "host": first.host,
        "lines": list(first.lines[-REASON_LINES:]),
        "next": _hint(first, fleet).replace(AGAIN, again),
    }


def unacknowledged(outcome: Outcome, deployment: str, fleet: Fleet) -> dict[str, object] | None:
    """Why a commit is not settled, for the lead as above; None where it is, or where nothing was committed."""
    ending = outcome.ending
    if ending is None or not outcome.live or ending.settled:
        return None
    error = silent(ending, deployment, fleet.environment)
    return {"what": error.message, "where": "commit", "host": worst(ending.silent).host, "next": f"shipway resume {fleet.environment}"}


def _why(outcome: Outcome) -> tuple[str, list[str]]:
    if outcome.interrupted:
        return f"interrupted in {outcome.where}", []
    if not outcome.errors:
        return f"failed in {outcome.where}", []
    first = worst(outcome.errors)
    step = f" in step {first.title}" if isinstance(first, StepFailed) else f" in {outcome.where}"
    also = _also(outcome.errors, first)
    if _is_lost(first):
        return f"lost the link to {first.host}{also}{step}: {first.message}", _lines(outcome.errors)
    return f"{first.host}{also}{step}: {first.message}", _lines(outcome.errors)


def _also(errors: Mapping[str, HostError], first: HostError) -> str:
    others = sorted(set(errors) - {first.host})
    return f" (also on {', '.join(others)})" if others else ""


def _is_lost(error: HostError) -> bool:
    return isinstance(error, (LinkLost, Unreachable))


def _lines(errors: Mapping[str, HostError]) -> list[str]:
    lines = (f"{name}: {line}" for name, error in sorted(errors.items()) for line in (error.message, *_new(error)))
    return list(dict.fromkeys(lines))


def _new(error: HostError) -> list[str]:
    """What an error's lines say beyond its message."""
    return [line for line in error.lines if line not in error.message]


def _hint(error: HostError, fleet: Fleet) -> str:
    return hint(error.code, environment=fleet.environment, host=error.host, address=fleet.hosts[error.host].address)


def _verb(error: HostError) -> str:
    if isinstance(error, Unreachable):
        return "cannot reach"
    return "lost the link to" if isinstance(error, LinkLost) else "cannot go on with"

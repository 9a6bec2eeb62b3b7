"""How what comes behind a commit ended in; the good news with what did not run out, or the error of a migration that failed there."""

from __future__ import annotations

from shipway.execute.conduct import Outcome
from shipway.model.errors import Unsettled
from shipway.model.plan import Plan


def with_afterwards(outcome: Outcome, plan: Plan, live: str) -> str:
    """`live` is the good news. What waits for the release before is said with its command: live is live.

    Raises Unsettled where a contract migration failed, or nobody knows whether it ran.
    """
    told = outcome.afterwards
    if told is None:
        return live
    contract = plan.pending.of("contract") if plan.pending is not None else ()
    names = ", ".join(one.name for one in contract) or "contract migrations"
    command = f"shipway data migrate {plan.environment}"
    if told.interrupted and told.begun:
        raise Unsettled(
            f"{live}; but this command was interrupted while it ran {names}, and whether they ran is not known here",
            state="the release serves everywhere; the host lets what runs come to its end",
            hint=f"{command} runs what is left, and says so where nothing is",
            code="interrupted",
        )
    if told.interrupted:
        return f"{live}; not run yet: {names}, for this command was interrupted; {command} runs what waits"
    if told.waits:
        return f"{live}; not run yet: {names}, for {told.waits} still runs; {command} runs what waits"
    if told.error is None:
        return live
    migration = str(told.error.facts.get("migration") or names)
    settle = f"shipway data settle {plan.environment} {migration} --done, or --again where it had no effect; then {command}"
    mend = f"mend the cause, then {command}"
    raise Unsettled(
        f"{live}; but {told.error.host}: {told.error.message}",
        state=f"the release serves everywhere and needs nothing of {migration}; what ran before it stays",
        hint=settle if told.error.code == "migrations-open" else mend,
        code=told.error.code,
        details=told.error.lines,
    )


def half_migrated(outcome: Outcome, plan: Plan) -> Unsettled | None:
    """The error of `data migrate` that ended half way: nothing of it was undone. None where it is known that nothing has run."""
    error = next(iter((outcome.errors or {}).values()), None)
    known = outcome.migrated or outcome.interrupted or (error is not None and error.code == "migrations-open")
    if plan.kind != "migrate" or not known:
        return None
    ran = f"ran and stay: {', '.join(outcome.migrated)}" if outcome.migrated else "what ran stays"
    command = f"shipway data migrate {plan.environment}"
    migration = str(error.facts.get("migration", "")) if error is not None else ""
    settle = f"shipway data settle {plan.environment} {migration} --done, or --again where it had no effect; then {command}"
    return Unsettled(
        f"{error.host}: {error.message}" if error is not None else "interrupted",
        state=f"{ran}; the release serves everywhere as before",
        hint=settle if error is not None and error.code == "migrations-open" else f"{command} runs what is left",
        code=error.code if error is not None else "interrupted",
        details=error.lines if error is not None else (),
    )

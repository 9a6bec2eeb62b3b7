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
    if told is None or plan.pending is None:
        return live
    names = ", ".join(one.name for one in plan.pending.of("contract"))
    command = f"shipway data migrate {plan.environment}"
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

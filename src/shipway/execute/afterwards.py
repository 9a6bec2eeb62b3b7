"""A plan that is committed everywhere in; out, what it does once nothing of the release before runs any more, or why it was not done."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from shipway.execute import ask, steps
from shipway.execute.fleet import Fleet
from shipway.execute.lease import Claim
from shipway.execute.steps import Where
from shipway.execute.telling import Tell
from shipway.model.errors import HostError
from shipway.model.plan import Plan
from shipway_agent.record import dataclass

LOOK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Afterwards:
    """`waits` says what still runs of the release before, "" where nothing does; `error` is what stopped the steps.

    `interrupted` when somebody ended the command meanwhile; `begun` when the steps had begun by then.
    """

    waits: str = ""
    error: HostError | None = None
    interrupted: bool = False
    begun: bool = False


async def run_afterwards(fleet: Fleet, claim: Claim, plan: Plan, tell: Tell) -> Afterwards:
    """See that the release before is gone on every host, for as long as the plan waits for that; then run what the plan has after it."""
    begun = False
    try:
        waits = await _gone(fleet, plan)
        if waits:
            return Afterwards(waits=waits)
        begun = True
        for host, todo in plan.after.items():
            await steps.run(fleet, host, claim, todo, tell, decided=True, where=Where("finish", "after"))
    except HostError as error:
        return Afterwards(error=error)
    except asyncio.CancelledError:
        return Afterwards(interrupted=True, begun=begun)
    return Afterwards()


async def _gone(fleet: Fleet, plan: Plan) -> str:
    """What of the release before still runs when the plan's time for that is over, "" where nothing does. Raises HostError."""
    loop = asyncio.get_running_loop()
    until = loop.time() + plan.gone_seconds
    while True:
        looked = await ask.look(fleet, brief=True)
        if looked.errors:
            raise next(iter(looked.errors.values()))
        old = {host: names for host, facts in looked.answers.items() if (names := _of_others(facts, plan.number))}
        if not old or loop.time() >= until:
            return "; ".join(f"{', '.join(names)} on {host}" for host, names in sorted(old.items()))
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _of_others(facts: Mapping[str, Any], number: int) -> list[str]:
    """What runs on a host and belongs to another generation: processes that listen or work, and a run of a job."""
    rows = [row for row in facts.get("processes", ()) if int(row["generation"]) != number and row["state"] not in ("gone", "crashed")]
    found = [f"{row['name']}.{row['instance']} of generation {row['generation']}" for row in rows]
    runs = [(job["name"], run) for job in facts.get("jobs") or () if (run := job.get("running"))]
    return found + [f"job {name} of generation {run['generation']}" for name, run in runs if int(run["generation"]) != number]

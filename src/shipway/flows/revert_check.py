"""What a revert would go back to in; out, whether that starts with today's data, or with that of its restore points: nothing users see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.flows.attempt import Attempt
from shipway.flows.data_points import ask
from shipway.flows.reach import reach
from shipway.flows.revert_look import Looked
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import Failed, HostError, LinkLost, Unreachable
from shipway.model.intent import Intent
from shipway.model.verdict import Verdict
from shipway.plan.data.rehearsal import copied_for
from shipway.reports.reading import listed, text
from shipway.reports.sizes import seconds

START_SECONDS = 120.0


async def checked(intent: Intent, looked: Looked, *, hard: bool, trying: Attempt) -> Verdict:
    """Exit 0 for yes, 1 for no. `hard` asks with the points that would be put back, else with ones that are taken now.

    Raises Failed where it cannot be tried, Refused where the host cannot be asked and where live data would be found.
    """
    name, document = intent.environment.name, looked.aim.target.document
    points = {name: point.point for name, (point, _) in looked.losses.items()} if hard else None
    host, copied = copied_for(intent, looked.facts, looked.aim.target, None if points is None else {*points})
    wanted = {data.name: points[data.name] if points is not None else "" for data in copied}
    args = {"do": "rehearse", "generation": looked.aim.target.number, "points": wanted}
    bound = sum(data.timeout_seconds for data in copied) + START_SECONDS
    async with reach(intent, trying.say) as fleet:
        try:
            said: Mapping[str, Any] = await ask(fleet, trying.tell, host, args, bound_seconds=bound)
        except (LinkLost, Unreachable) as error:
            raise unreachable({error.host: error}, fleet) from error
        except HostError as error:
            raise Failed(
                f"it cannot be tried on {error.host}: {error.message}",
                state="nothing that users see was touched, and what was made for it is gone again",
                hint=f"shipway revert {name} says what it would do",
                code=error.code,
                details=error.lines,
            ) from error
    version, took = document.get("version", ""), seconds(float(said.get("seconds", 0.0)))
    used = [str(point) for point in listed(said, "points")]
    data: dict[str, Any] = {"healthy": bool(said.get("healthy")), "host": host, "points": used}
    with_data = f"with {'the data of ' + ', '.join(used) if hard else 'a copy of its data as it is now'}"
    if said.get("healthy"):
        return Verdict("answer", 0, f"yes: {version} starts on {host} {with_data}, and is healthy; {took}", "", "", data)
    lines = [f"  | {line}" for line in listed(said, "lines")]
    message = f"no: {version} on {host} {with_data}: {text(said, 'why')}"
    return Verdict("answer", 1, message, f"shipway revert {name} says what would be taken back with it", "", {**data, "lines": lines})

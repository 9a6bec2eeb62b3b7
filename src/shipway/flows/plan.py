"""`shipway plan`: what a deployment would do on each host, and what it would change. Nothing is touched."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from shipway.execute.ask import next_number
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.expected import expected
from shipway.flows.project import open_project
from shipway.flows.reach import reach, typed
from shipway.flows.reading import read
from shipway.flows.shipping import shipping
from shipway.flows.who import who
from shipway.flows.words import PlanWords
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.intent import Host
from shipway.model.release import Entry
from shipway.model.verdict import Verdict
from shipway.plan.deploy import plan_deploy
from shipway.plan.difference import difference
from shipway.plan.reboot import local_notes
from shipway.plan.standing import scaled
from shipway.reports.plan import difference_json, plan_json, plan_text
from shipway.reports.times import forecast_text
from shipway_agent.record import replace


async def plan(words: PlanWords, on_event: Callable[[Event], None]) -> Verdict:
    """Make the plan that `deploy` would make now. Raises what `deploy` would raise before it touched anything."""
    project = open_project(words.project)
    tell = Tell(on_event, time.time)
    ready = await shipping(project, words, tell)
    intent = ready.intent
    async with reach(intent, tell) as fleet:
        raw = await read(fleet, may_leave_out=True)
        facts = typed(raw)
        try:
            await ready.learn(fleet, facts)
        except HostError as error:
            raise unreachable({error.host: error}, fleet) from error
        made_plan = ready.planner(plan_deploy)(facts, deployment="plan", who=who(), number=next_number(raw), peer_key="")
        first = min(intent.environment.hosts, key=lambda host: host.name)
        before = await _live_entries(fleet, first, facts)
        changes = difference(scaled(intent, facts), ready.made.release, first, facts[first.name].live, before)
    made_plan = replace(made_plan, notes=(*made_plan.notes, *local_notes(intent, facts)))
    times = expected(project.directory, made_plan)
    lines = plan_text(made_plan, changes, files=words.files)
    if not made_plan.nothing_to_do:
        lines += ["", *forecast_text(times, made_plan.kind, made_plan.environment)]
    data = {
        "plan": plan_json(made_plan),
        "difference": difference_json(changes),
        "expected": times.to_json() if times is not None else None,
        "lines": lines,
    }
    message = "nothing to do" if made_plan.nothing_to_do else f"{len(made_plan.waves)} waves, then the switch"
    return Verdict("answer", 0, message, "", "", data)


async def _live_entries(fleet: Fleet, host: Host, facts: Mapping[str, HostFacts]) -> list[Entry] | None:
    """The manifest of what is live on a host; None where nothing is."""
    live = facts[host.name].live
    if live is None:
        return None
    answer = await fleet.call(host.name, "manifest", {"release": str(live["release"])}, timeout_seconds=60.0)
    return [
        Entry(path=e[1].encode("latin-1").decode("utf-8", "surrogateescape"), kind=e[0], digest=e[2], size=e[3], target=e[4])
        for e in answer["entries"]
    ]

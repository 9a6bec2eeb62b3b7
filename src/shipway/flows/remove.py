"""`shipway remove`: takes an application off its hosts; what is shared stays unless told otherwise."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from shipway.execute.ask import next_number
from shipway.execute.fleet import Fleet, worst
from shipway.flows.approach import connect_and_read
from shipway.flows.attempt import attempt
from shipway.flows.begin import Hold, hold
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach, typed
from shipway.flows.who import who
from shipway.flows.words import RemoveWords
from shipway.model.errors import HostError, Unsettled
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.remove import plan_remove

REMOVE_SECONDS = 300.0
"""Bound of one host: its processes drain first."""


async def remove(words: RemoveWords, on_event: Callable[[Event], None]) -> Verdict:
    """Under leases of every member: drain, stop and remove. The hosts' journals go too; the report here stays."""
    project = open_project(words.project)
    with attempt(project.directory, on_event, "remove", lambda: project.meant(words.environment)) as trying:
        intent = intent_of_head(project, words.environment)
        name = intent.environment.name
        async with reach(intent, trying.say) as fleet:
            facts = await connect_and_read(fleet, trying.say)

            def plan_for(deployment: str, number: int) -> Plan:
                key = secrets.token_hex(32)
                return plan_remove(intent, typed(facts), deployment=deployment, who=who(), number=number, peer_key=key, shared=words.shared)

            plan = plan_for("plan", next_number(facts))
            if plan.nothing_to_do:
                return trying.ended(Verdict("unchanged", 0, f"nothing of {intent.app} is on the hosts of {name}"))
            async with hold(fleet, intent.environment, facts, trying.tell, lambda n, d: plan_for(d, n).document) as held:
                tell = trying.named(held.claim.deployment)
                tell("began", kind="remove", app=intent.app, environment=name, who=held.claim.owner, members=list(plan.members))

                outcomes = await fleet.each(lambda host: take_off(fleet, held, host, intent.app, words.shared), plan.switch)
        if outcomes.errors:
            first = worst(outcomes.errors)
            raise Unsettled(
                f"{intent.app} was not removed from {', '.join(sorted(outcomes.errors))}: {first.message}",
                state="it is gone from every other host",
                hint=f"shipway remove {name} again, when the host can be reached",
                code="not-removed",
                details=first.lines,
            )
        kept = "" if words.shared else "; what was shared is kept"
        return trying.ended(Verdict("removed", 0, f"{intent.app} is off {', '.join(plan.switch)}{kept}", "", trying.tell.deployment))


async def take_off(fleet: Fleet, held: Hold, host: str, app: str, shared: bool) -> None:
    """Drain, stop and clear one host, under the lease that is held; `shared` clears its shared paths too. Raises HostError."""
    args = {"deployment": held.claim.deployment, "fence": held.claim.number, "keep_shared": not shared}
    told = {"host": host, "key": "remove", "title": f"take {app} off {host}"}
    held.tell("step", **told, state="started")
    try:
        answer = await fleet.call(host, "remove", args, timeout_seconds=REMOVE_SECONDS)
    except HostError as error:
        held.tell("step", **told, state="failed", error={"code": error.code, "message": error.message, "lines": list(error.lines)})
        raise
    held.tell("step", **told, state="done", answer=answer)
    if answer.get("note"):
        held.tell("note", host=host, message=str(answer["note"]))

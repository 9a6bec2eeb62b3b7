"""A plan with something to do and a fleet that was read in, a Verdict out: lease → look again → plan → conduct → verdict."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from shipway.execute.ask import Facts, next_number
from shipway.execute.conduct import Conduct, Outcome
from shipway.execute.fleet import Fleet
from shipway.flows.afterwards import half_migrated, with_afterwards
from shipway.flows.attempt import Attempt
from shipway.flows.begin import hold
from shipway.flows.expected import expected
from shipway.flows.notifications import keep_before_files, tell_trouble, with_secrets
from shipway.flows.overtaken import comes_too_late, overtaken
from shipway.flows.reach import typed
from shipway.flows.reading import is_quiet
from shipway.flows.transaction import Transaction, Underway, do_first, tell_began
from shipway.flows.unchanged import nothing, unchanged
from shipway.flows.without import Said, and_left_out, behind, deploy_again
from shipway.flows.words_of_failure import failed, reason, unacknowledged
from shipway.model.facts import HostFacts
from shipway.model.plan import Plan
from shipway.model.verdict import UNSWITCHED, Verdict
from shipway_agent.record import asdict


async def carry_out(underway: Underway, facts: dict[str, Facts], plan: Plan) -> Verdict:
    """Do what `plan` says, planned anew under the leases. Raises ShipwayError for every ending that is not 0."""
    attempt, transaction, fleet = underway.attempt, underway.transaction, underway.fleet
    intent = transaction.intent
    with_secrets(plan, os.environ)
    forecast = expected(attempt.directory, plan)
    documents = facts
    async with hold(fleet, intent.environment, facts, attempt.tell, lambda n, d: underway.plan_for(documents, d, n).document) as held:
        tell = attempt.named(held.claim.deployment)
        if transaction.again is not None and (held.claim.number != next_number(facts) or not is_quiet(facts)):
            await do_first(transaction.again, fleet, held.facts)
        plan = underway.plan_for(held.facts, held.claim.deployment, held.claim.number)
        if plan.nothing_to_do and transaction.unchanged is not None:
            return nothing(plan, transaction.unchanged(plan), attempt)
        if plan.nothing_to_do:
            return unchanged(plan, intent, attempt, await underway.left_out())
        before = typed(held.facts)
        changed: dict[str, Any] = {"changes": transaction.changes(before)} if transaction.changes is not None else {}
        if forecast is not None:
            changed["expected"] = forecast.to_json()
        tell_began(attempt, plan, source=_sources(before), target=plan.number, **changed)
        complete = with_secrets(plan, os.environ)
        await keep_before_files(fleet, complete, before)
        conduct = Conduct(
            fleet,
            complete,
            held.claim,
            transaction.cargo(plan),
            tell,
            reason=lambda outcome: reason(outcome, fleet, plan.kind, str(plan.document.get("command", ""))),
            builder=transaction.builder,
        )
        outcome = await conduct.run()
        held.left_alone.update(outcome.left_alone)
    for name in fleet.reached:
        attempt.tell("exchanged", host=name, **asdict(fleet.wire(name)))
    if outcome.ending is None or plan.lead not in outcome.ending.silent:
        await tell_trouble(fleet, plan, attempt.tell, unacknowledged(outcome, attempt.tell.deployment, fleet))
    late = await overtaken(fleet, held.claim.deployment, plan.number) if comes_too_late(outcome) and not outcome.live else None
    if late is not None:
        raise late
    return _verdict(outcome, plan, fleet, attempt, transaction, before, await underway.left_out())


def _verdict(
    outcome: Outcome,
    plan: Plan,
    fleet: Fleet,
    attempt: Attempt,
    transaction: Transaction,
    before: Mapping[str, HostFacts],
    left_out: Said,
) -> Verdict:
    deployment = attempt.tell.deployment
    if plan.kind in UNSWITCHED and outcome.ending is None:
        message = and_left_out(transaction.live(plan, attempt), left_out)
        return Verdict(UNSWITCHED[plan.kind], 0, message, deploy_again(plan, left_out), deployment)
    if outcome.live and outcome.ending is not None and outcome.ending.settled:
        message = with_afterwards(outcome, plan, transaction.live(plan, attempt))
        if left_out:
            raise behind(message, plan, left_out)
        return Verdict("live", 0, message, "", deployment)
    half = half_migrated(outcome, plan)
    if half is not None:
        raise half
    raise failed(outcome, deployment, fleet, serving=_serving(before, left_out))


def _sources(facts: Mapping[str, HostFacts]) -> dict[str, int | None]:
    return {name: fact.member.current for name, fact in facts.items()}


def _serving(facts: Mapping[str, HostFacts], left_out: Said) -> str:
    return and_left_out(_served(facts), left_out)


def _served(facts: Mapping[str, HostFacts]) -> str:
    versions = {str(fact.live.get("version", "")) if fact.live is not None else None for fact in facts.values()}
    if versions == {None}:
        return "nothing is current, as before this first deployment"
    if len(versions) == 1:
        return f"{versions.pop()} serves everywhere"
    return "every host serves what it served before"

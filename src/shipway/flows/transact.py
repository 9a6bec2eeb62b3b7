"""A plan to be made and a fleet in, a Verdict out: what deploy, prepare and rollback have in common.

look → plan → (nothing to do?) → lease → look again → plan → conduct → verdict.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias

from shipway.execute.ask import Facts, next_number
from shipway.execute.conduct import Conduct, Outcome
from shipway.execute.fleet import Fleet
from shipway.execute.ship import Blobs
from shipway.flows.afterwards import half_migrated, with_afterwards
from shipway.flows.approach import Approach
from shipway.flows.attempt import Attempt
from shipway.flows.begin import hold, is_quiet, read, who
from shipway.flows.changes import Changes
from shipway.flows.expected import expected
from shipway.flows.notifications import keep, keep_before_files, tell_trouble, with_secrets
from shipway.flows.overtaken import comes_too_late, overtaken
from shipway.flows.reach import reach, typed
from shipway.flows.without import Said, and_left_out, asked, behind, deploy_again, only_left_out
from shipway.flows.words_of_failure import failed, reason, unacknowledged, unreachable
from shipway.model.errors import HostError
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.reports.few import named
from shipway_agent.record import asdict, dataclass

UNSWITCHED: Mapping[str, str] = {"prepare": "prepared", "restore": "restored", "migrate": "migrated"}
"""Verdicts of what switches nothing, by the kind of its plan."""


First: TypeAlias = Callable[[Fleet, Mapping[str, HostFacts]], Awaitable[None]]


class Planner(Protocol):
    """Makes the plan of one flow from facts; called before and again under the leases."""

    def __call__(self, facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str) -> Plan: ...


@dataclass(frozen=True, slots=True)
class Transaction:
    """One flow on one environment. `cargo` says what travels, given the plan; `live` words the good ending.

    `may_leave_out` when its command knows --without. `first` is done when the hosts were read, before anything is planned; `again` under
    the leases, where others may have been there since, for what no host's facts say.
    `changes` tells what differs from the configuration that serves, where the flow knows the one it wants. `unchanged` words that there
    is nothing to do, for flows that are about what serves and bring nothing. `builder` is where the release was built, if not here.
    """

    intent: Intent
    planner: Planner
    cargo: Callable[[Plan], Blobs | None]
    live: Callable[[Plan, Attempt], str]
    may_leave_out: bool = False
    first: First | None = None
    again: First | None = None
    changes: Changes | None = None
    unchanged: Callable[[Plan], str] | None = None
    builder: Callable[[], Fleet] | None = None


async def transact(attempt: Attempt, transaction: Transaction, approach: Approach | None = None) -> Verdict:
    """Run the flow to its verdict, on hosts that may be approached already. Raises ShipwayError for every ending that is not 0."""
    if approach is not None:
        return await _transacted(attempt, transaction, approach)
    async with Approach(attempt.say, may_leave_out=transaction.may_leave_out) as approach:
        return await _transacted(attempt, transaction, approach)


async def _transacted(attempt: Attempt, transaction: Transaction, approach: Approach) -> Verdict:
    intent = transaction.intent
    fleet = approach.begin(intent)
    peer_key = os.urandom(32).hex()
    async with reach(only_left_out(intent), attempt.say) as away, asked(away) as left_out:
        facts = await approach.facts()
        drift: dict[str, object] = {}

        def plan_for(now: Mapping[str, Facts], deployment: str, number: int) -> Plan:
            drifted = {name: {**fact, "drift": drift.get(name, [])} for name, fact in now.items()}
            return transaction.planner(typed(drifted), deployment=deployment, who=who(), number=number, peer_key=peer_key)

        if transaction.first is not None:
            await _do_first(transaction.first, fleet, facts)
        plan = plan_for(facts, "plan", next_number(facts))
        if plan.nothing_to_do and is_quiet(facts) and transaction.unchanged is not None:
            return _nothing(plan, transaction.unchanged(plan), attempt)
        if plan.nothing_to_do and is_quiet(facts):
            looked = facts if approach.sealed else await read(fleet, verify="sealed")
            drift |= {name: fact["drift"] for name, fact in looked.items()}
            if plan_for(facts, "plan", next_number(facts)).nothing_to_do:
                await _keep_targets(fleet, intent, facts)
                return _unchanged(plan, intent, attempt, await left_out())
        with_secrets(plan, os.environ)
        forecast = expected(attempt.directory, plan)
        documents = facts
        async with hold(fleet, intent.environment, facts, attempt.tell, lambda n, d: plan_for(documents, d, n).document) as held:
            tell = attempt.named(held.claim.deployment)
            if transaction.again is not None and (held.claim.number != next_number(facts) or not is_quiet(facts)):
                await _do_first(transaction.again, fleet, held.facts)
            plan = plan_for(held.facts, held.claim.deployment, held.claim.number)
            if plan.nothing_to_do and transaction.unchanged is not None:
                return _nothing(plan, transaction.unchanged(plan), attempt)
            if plan.nothing_to_do:
                return _unchanged(plan, intent, attempt, await left_out())
            before = typed(held.facts)
            changed: dict[str, Any] = {"changes": transaction.changes(before)} if transaction.changes is not None else {}
            if forecast is not None:
                changed["expected"] = forecast.to_json()
            _tell_began(attempt, plan, source=_sources(before), target=plan.number, **changed)
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
        return _verdict(outcome, plan, fleet, attempt, transaction, before, await left_out())


async def _do_first(first: First, fleet: Fleet, facts: Mapping[str, Facts]) -> None:
    try:
        await first(fleet, typed(facts))
    except HostError as error:
        raise unreachable({error.host: error}, fleet) from error


def _tell_began(attempt: Attempt, plan: Plan, **more: Any) -> None:
    attempt.tell(
        "began",
        **{key: value for key, value in plan.document.items() if key != "peer_key"},
        members=list(plan.members),
        lead=plan.lead,
        notes=list(plan.notes),
        confirm_seconds=plan.confirm_seconds,
        watch_seconds=plan.watch_seconds,
        batches=[list(batch.hosts) for batch in plan.batches],
        **more,
    )


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
        return Verdict(
            UNSWITCHED[plan.kind], 0, and_left_out(transaction.live(plan, attempt), left_out), deploy_again(plan, left_out), deployment
        )
    if outcome.live and outcome.ending is not None and outcome.ending.settled:
        message = with_afterwards(outcome, plan, transaction.live(plan, attempt))
        if left_out:
            raise behind(message, plan, left_out)
        return Verdict("live", 0, message, "", deployment)
    half = half_migrated(outcome, plan)
    if half is not None:
        raise half
    raise failed(outcome, deployment, fleet, serving=_serving(before, left_out))


async def _keep_targets(fleet: Fleet, intent: Intent, facts: Mapping[str, Facts]) -> None:
    """A URL that changed in the operator's environment is no change of a release, and reaches the hosts all the same."""
    try:
        await keep(fleet, intent.environment, typed(facts), os.environ)
    except HostError as error:
        raise unreachable({error.host: error}, fleet) from error


def _nothing(plan: Plan, message: str, attempt: Attempt) -> Verdict:
    _tell_began(attempt, plan)
    return Verdict("unchanged", 0, message)


def _unchanged(plan: Plan, intent: Intent, attempt: Attempt, left_out: Said) -> Verdict:
    _tell_began(attempt, plan)
    version = str(plan.document.get("version", ""))
    hosts = named(plan.members)
    message = f"nothing to do: {version} is already live in {intent.environment.name}, proved on {hosts}"
    if left_out and plan.kind != "prepare":
        raise behind(message, plan, left_out)
    return Verdict("unchanged", 0, and_left_out(message, left_out))


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

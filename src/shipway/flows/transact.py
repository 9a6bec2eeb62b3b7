"""A plan to be made and a fleet in, a Verdict out: what deploy, prepare and rollback have in common.

look → plan → (nothing to do?) → what carry_out.py does: lease → look again → plan → conduct → verdict.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from shipway.execute.ask import Facts, next_number
from shipway.execute.fleet import Fleet
from shipway.flows.approach import Approach
from shipway.flows.attempt import Attempt
from shipway.flows.notifications import keep
from shipway.flows.reach import reach, typed
from shipway.flows.reading import is_quiet, read
from shipway.flows.transaction import Transaction, Underway, do_first
from shipway.flows.unchanged import nothing, unchanged
from shipway.flows.who import who
from shipway.flows.without import asked, only_left_out
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError
from shipway.model.intent import Intent
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict


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
            await do_first(transaction.first, fleet, facts)
        plan = plan_for(facts, "plan", next_number(facts))
        if plan.nothing_to_do and is_quiet(facts) and transaction.unchanged is not None:
            return nothing(plan, transaction.unchanged(plan), attempt)
        if plan.nothing_to_do and is_quiet(facts):
            looked = facts if approach.sealed else await read(fleet, verify="sealed")
            drift |= {name: fact["drift"] for name, fact in looked.items()}
            if plan_for(facts, "plan", next_number(facts)).nothing_to_do:
                await _keep_targets(fleet, intent, facts)
                return unchanged(plan, intent, attempt, await left_out())
        from shipway.flows.carry_out import carry_out  # which most commands that only find out never read

        return await carry_out(Underway(attempt, transaction, fleet, plan_for, left_out), facts, plan)


async def _keep_targets(fleet: Fleet, intent: Intent, facts: Mapping[str, Facts]) -> None:
    """A URL that changed in the operator's environment is no change of a release, and reaches the hosts all the same."""
    try:
        await keep(fleet, intent.environment, typed(facts), os.environ)
    except HostError as error:
        raise unreachable({error.host: error}, fleet) from error

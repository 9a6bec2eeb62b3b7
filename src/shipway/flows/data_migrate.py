"""`shipway data migrate`: the contract migrations of the release that serves, which nobody waited for when it went live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shipway.execute.fleet import Fleet
from shipway.flows.attempt import Attempt, attempt
from shipway.flows.head import intent_of_head
from shipway.flows.migrating import ask_schema
from shipway.flows.project import open_project
from shipway.flows.transact import transact
from shipway.flows.transaction import Transaction
from shipway.flows.words import DataMigrateWords
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.migrate import plan_migrate
from shipway.reports.fold import fold
from shipway_agent.record import replace


async def data_migrate(words: DataMigrateWords, on_event: Callable[[Event], None]) -> Verdict:
    """Under the leases of every member. Raises ShipwayError for every ending that is not 0."""
    project = open_project(words.project)
    with attempt(project.directory, on_event, "migrate", lambda: project.meant(words.environment)) as trying:
        intent = intent_of_head(project, words.environment)
        schema: dict[str, Any] = {}

        async def look(fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
            schema.update(await ask_schema(fleet, facts) or {})

        def planner(facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str) -> Plan:
            plan = plan_migrate(intent, facts, deployment=deployment, who=who, number=number, peer_key=peer_key)
            left = schema.get("generations", {}).get(str(plan.document["before"]), {}).get("known")
            lacking = set(left or ()) - set(schema.get("applied", ()))
            return plan if left is None or lacking else replace(plan, waves=())

        def nothing(plan: Plan) -> str:
            return f"no migrations are pending in {plan.environment}"

        transaction = Transaction(intent, planner, lambda plan: None, _done, first=look, unchanged=nothing)
        return trying.ended(await transact(trying, transaction))


def _done(plan: Plan, trying: Attempt) -> str:
    ran = [one.migration for one in fold(trying.events).migrations]
    return f"{', '.join(ran) or 'nothing'} ran in {plan.environment}, in {trying.seconds:.1f} s"

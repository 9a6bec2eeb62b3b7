"""`shipway deploy`: a commit in, live on every host or undone on every host out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from shipway.execute.fleet import Fleet
from shipway.flows.attempt import Attempt, attempt
from shipway.flows.cargo import Cargo
from shipway.flows.changes import setting_changes
from shipway.flows.front import Caddies
from shipway.flows.project import Project, open_project
from shipway.flows.tools import Tools
from shipway.flows.transact import Transaction, transact
from shipway.flows.want import filled, make, want
from shipway.flows.without import leave_out
from shipway.flows.words import DeployWords
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.deploy import plan_deploy


async def deploy(words: DeployWords, on_event: Callable[[Event], None]) -> Verdict:
    """Take the commit live. Raises ShipwayError for every ending that is not 0; the report is written either way."""
    project = open_project(words.project)
    with attempt(project.directory, on_event) as trying:
        return trying.ended(await deployed(project, words, trying))


async def deployed(project: Project, words: DeployWords, trying: Attempt) -> Verdict:
    """What `deploy` does, for a project that is open: its `head` may be a configuration that is not committed yet (`host add`)."""
    wanted = await filled(project, want(project, words.environment, words.ref), trying.tell)
    wanted = replace(wanted, intent=leave_out(wanted.intent, words.without))
    tools = Tools(wanted.intent.shipment, trying.tell)
    made = await make(project, wanted, trying.tell, tools)
    caddies = Caddies(wanted.intent, trying.tell)

    def planner(facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str) -> Plan:
        of_this_one = {"deployment": deployment, "who": who, "peer_key": peer_key}
        return plan_deploy(wanted.intent, tools.equipped(made.release), facts, number=number, caddies=caddies.digests, **of_this_one)

    async def learn(fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
        await caddies.learn(fleet, facts)
        await tools.for_hosts(fleet, facts)

    transaction = Transaction(
        wanted.intent,
        planner,
        lambda plan: Cargo(made, caddies.by_host, tools.of),
        live_words,
        may_leave_out=True,
        first=learn,
        changes=partial(setting_changes, wanted.intent, made.release),
    )
    return await transact(trying, transaction)


def live_words(plan: Plan, trying: Attempt) -> str:
    """The good news in one sentence."""
    version = plan.document.get("version", "")
    return f"{version} is live in {plan.environment}, proved on {', '.join(plan.members)} in {trying.seconds:.1f} s{warm_words(plan)}"


def warm_words(plan: Plan) -> str:
    """How long what was replaced stays as it is; nothing where it does not."""
    before, seconds = plan.document.get("before"), float(plan.document.get("keep_warm_seconds", 0.0))
    return f"; generation {before} stays warm for {seconds:g} s" if before is not None and seconds > 0 else ""

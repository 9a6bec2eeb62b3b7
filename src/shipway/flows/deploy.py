"""`shipway deploy`: a commit in, live on every host or undone on every host out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from shipway.flows.approach import Approach
from shipway.flows.attempt import Attempt, attempt
from shipway.flows.changes import setting_changes
from shipway.flows.project import Project, open_project
from shipway.flows.shipping import shipping
from shipway.flows.transact import transact
from shipway.flows.warm_words import warm_words
from shipway.flows.words import DeployWords
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.deploy import plan_deploy
from shipway.reports.few import named
from shipway_agent.record import replace


async def deploy(words: DeployWords, on_event: Callable[[Event], None]) -> Verdict:
    """Take the commit live. Raises ShipwayError for every ending that is not 0; the report is written either way."""
    project = open_project(words.project)
    with attempt(project.directory, on_event, "deploy", lambda: project.meant(words.environment)) as trying:
        return trying.ended(await deployed(project, words, trying))


async def deployed(project: Project, words: DeployWords, trying: Attempt) -> Verdict:
    """What `deploy` does, for a project that is open: its `head` may be a configuration that is not committed yet (`host add`)."""
    async with Approach(trying.say, may_leave_out=True, sealed=True) as approach:
        ready = await shipping(project, words, trying.tell, approach.begin)
        transaction = replace(
            ready.transaction(plan_deploy, live_words),
            again=ready.migrating.learn,
            changes=partial(setting_changes, ready.intent, ready.made.release),
        )
        return await transact(trying, transaction, approach)


def live_words(plan: Plan, trying: Attempt) -> str:
    """The good news in one sentence."""
    version = plan.document.get("version", "")
    return f"{version} is live in {plan.environment}, proved on {named(plan.members)} in {trying.seconds:.1f} s{warm_words(plan)}"

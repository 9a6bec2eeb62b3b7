"""`shipway resume`: settle what an interrupted driver left, forward where the decision allows it, from any machine."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.attempt import attempt
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.serving import serving
from shipway.flows.settle import again_of, settle, shipping_of
from shipway.flows.words import ResumeWords
from shipway.model.errors import Failed, Unsettled
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.plan.facts import behind


async def resume(words: ResumeWords, on_event: Callable[[Event], None]) -> Verdict:
    """Follow the lead's decision on every host; what was undecided is undone. Raises Failed when something was undone."""
    project = open_project(words.project)
    with attempt(project.directory, on_event, "resume", lambda: project.meant(words.environment)) as trying:
        intent = intent_of_head(project, words.environment)
        done = await settle(trying, intent, "resume")
        if not done.decisions:
            return trying.ended(Verdict("unchanged", 0, f"nothing is open in {intent.environment.name}: {serving(done.facts)}"))
        deployment, decision = list(done.decisions.items())[-1]
        again = again_of(done.facts, deployment, intent.environment.name)
        late = behind(done.facts)
        if decision == "committed" and late:
            raise Unsettled(
                f"{deployment} is committed, and {' and '.join(late)} {'does' if len(late) == 1 else 'do'} not serve it",
                state=serving(done.facts),
                hint=f"{shipping_of(done.facts, deployment, intent.environment.name)} brings {' and '.join(late)} up to date",
                code="behind",
            )
        if decision == "committed":
            return trying.ended(Verdict("live", 0, f"{deployment} is committed on every host: {serving(done.facts)}", "", done.deployment))
        raise Failed(
            f"{deployment} was never decided and is undone on every host",
            state=serving(done.facts),
            hint=f"{again} {'ships it again; what was prepared is still there' if again.startswith('shipway deploy') else 'does it again'}",
            code="undone",
        )

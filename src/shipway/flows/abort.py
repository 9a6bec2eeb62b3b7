"""`shipway abort`: settle what an interrupted driver left, backward unless it is committed."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.attempt import attempt
from shipway.flows.project import open_project
from shipway.flows.settle import serving, settle
from shipway.flows.want import intent_of_head
from shipway.flows.words import AbortWords
from shipway.model.errors import Failed
from shipway.model.event import Event
from shipway.model.verdict import Verdict


async def abort(words: AbortWords, on_event: Callable[[Event], None]) -> Verdict:
    """Undo what is undecided. Raises Failed when the fleet has committed: then only a rollback goes back."""
    project = open_project(words.project)
    with attempt(project.directory, on_event) as trying:
        intent = intent_of_head(project, words.environment)
        done = await settle(trying, intent, "abort")
        if not done.decisions:
            return trying.ended(Verdict("unchanged", 0, f"nothing is open in {intent.environment.name}: {serving(done.facts)}"))
        committed = [deployment for deployment, decision in done.decisions.items() if decision == "committed"]
        if committed:
            raise Failed(
                f"{committed[-1]} was committed before this abort; every host follows it",
                state=serving(done.facts),
                hint=f"shipway rollback {intent.environment.name} goes back to what was current before",
                code="committed",
            )
        undone = ", ".join(done.decisions)
        return trying.ended(Verdict("undone", 0, f"{undone} is undone on every host: {serving(done.facts)}", "", done.deployment))

"""`shipway show`: one deployment, step by step."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.memory import remembered
from shipway.flows.project import open_project
from shipway.flows.want import intent_of_head
from shipway.flows.words import ShowWords
from shipway.ledger.history import find
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.reports.history import record_json, show_text


async def show(words: ShowWords, on_event: Callable[[Event], None]) -> Verdict:
    """Find the deployment among all that are remembered. Raises WrongInput when none or several are meant."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    memory = await remembered(project, intent, on_event)
    found = find(memory.history, words.deployment)
    name = intent.environment.name
    if len(found) != 1:
        what = f"{words.deployment!r} means {len(found)} deployments" if found else f"no deployment {words.deployment!r} is remembered"
        raise WrongInput(
            f"{what} in {name}",
            state="nothing was touched",
            hint=f"shipway history {name} lists them",
            code="deployment",
            details=[record.deployment for record in found[:10]],
        )
    (record,) = found
    data = {"deployment": record_json(record), "lines": show_text(record, memory.events(record.deployment))}
    return Verdict("answer", 0, f"{record.deployment}: {record.verdict}", "", record.deployment, data)

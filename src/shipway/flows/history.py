"""`shipway history`: the deployments that are remembered, here and on the hosts."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.head import intent_of_head
from shipway.flows.memory import remembered
from shipway.flows.project import open_project
from shipway.flows.words import HistoryWords
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.reports.history import history_json, history_text


async def history(words: HistoryWords, on_event: Callable[[Event], None]) -> Verdict:
    """What the hosts' journals hold is learned first; a host that cannot be read is named, and what is known of it is told."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    memory = await remembered(project, intent, on_event, limit=words.limit)
    lines = [*history_text(memory.history), *(f"{host}: {why}" for host, why in memory.silent.items())]
    data = {"history": history_json(memory.history), "unreachable": memory.silent, "lines": lines}
    return Verdict("answer", 0, f"{len(memory.history.records)} deployments of {intent.environment.name}", "", "", data)

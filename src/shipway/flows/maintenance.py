"""`shipway maintenance`: how it stands with maintenance, read from the hosts."""

from __future__ import annotations

import time
from collections.abc import Callable

from shipway.execute.telling import Tell
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach, typed
from shipway.flows.reading import read
from shipway.flows.words import MaintenanceWords
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.plan.standing import MAINTENANCE
from shipway.reports.standing import maintenance_words


async def maintenance(words: MaintenanceWords, on_event: Callable[[Event], None]) -> Verdict:
    """Exit 0 when all hosts agree on it, 4 when they do not. Raises Refused where a host cannot be read."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    async with reach(intent, Tell(on_event, time.time)) as fleet:
        facts = typed(await read(fleet))
    orders = {host: (fact.live or {}).get(MAINTENANCE) for host, fact in sorted(facts.items())}
    said = {host: maintenance_words(order) for host, order in orders.items()}
    agrees = len({tuple(sorted((order or {}).items(), key=str)) for order in orders.values()}) == 1
    lines = [next(iter(said.values()))] if agrees else [f"{host}: {one}" for host, one in said.items()]
    data = {"maintenance": orders, "lines": lines}
    if agrees:
        return Verdict("answer", 0, lines[0], "", "", data)
    return Verdict("answer", 4, "the hosts do not agree on it", f"shipway deploy {name} makes every host serve the same", "", data)

"""`shipway data settle`: a person says how a migration ended of which nobody knows whether it took effect."""

from __future__ import annotations

import time
from collections.abc import Callable

from shipway.execute.telling import Tell
from shipway.flows.head import intent_of_head
from shipway.flows.migrating import SCHEMA_SECONDS
from shipway.flows.project import open_project
from shipway.flows.reach import reach, typed
from shipway.flows.reading import read
from shipway.flows.words import DataSettleWords
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError, Refused, WrongInput
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.plan.data.schema import keeper_of_live


async def data_settle(words: DataSettleWords, on_event: Callable[[Event], None]) -> Verdict:
    """Raises WrongInput for both or none of the two words, Refused where nothing that serves has migrations or that one is not open."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    if words.done == words.again:
        raise WrongInput(
            f"say how {words.migration} ended: --done where it took effect, --again where it did not",
            state="nothing was touched",
            hint=f"shipway data settle {name} {words.migration} --done",
            code="settle-how",
        )
    tell = Tell(on_event, time.time)
    async with reach(intent, tell) as fleet:
        host = keeper_of_live(typed(await read(fleet)))
        if not host:
            raise Refused(
                f"nothing that serves in {name} has migrations",
                state="nothing was touched",
                hint=f"shipway deploy {name}",
                code="no-migrations-here",
            )
        args = {"do": "settle", "migration": words.migration, "how": "done" if words.done else "again"}
        try:
            said = await fleet.call(host, "data", args, timeout_seconds=SCHEMA_SECONDS)
        except HostError as error:
            raise unreachable({error.host: error}, fleet) from error
    lines = [str(said["note"])]
    hint = f"shipway deploy {name} goes on with what is pending"
    return Verdict("answer", 0, lines[0], hint, "", {"migration": words.migration, "how": args["how"], "lines": lines})

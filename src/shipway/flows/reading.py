"""A fleet in, what every host says out; or one error, which names all that cannot be heard."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.execute import ask
from shipway.execute.ask import Facts
from shipway.execute.fleet import Fleet
from shipway.flows.records import unsettled
from shipway.flows.words_of_failure import unreachable


async def read(fleet: Fleet, *, verify: ask.Verify = False, may_leave_out: bool = False) -> dict[str, Facts]:
    """The facts of every host. Raises Refused naming all that cannot be reached; with `may_leave_out` and --without as a way out."""
    connected = await fleet.connect()
    if connected.errors:
        raise unreachable(connected.errors, fleet, may_leave_out=may_leave_out)
    looked = await ask.look(fleet, verify=verify)
    if looked.errors:
        raise unreachable(looked.errors, fleet)
    return looked.answers


def is_quiet(facts: Mapping[str, Facts]) -> bool:
    """Whether nothing of an earlier deployment has to be settled or undone."""
    return not unsettled(facts) and not ask.left_of(facts)

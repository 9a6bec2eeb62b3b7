"""An intent in, its hosts ready to be asked out; and what they say, with types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from shipway.execute.ask import Facts
from shipway.execute.fleet import Fleet
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.plan.facts import read_facts
from shipway.transports import transports

if TYPE_CHECKING:
    import asyncio


def reach(intent: Intent, tell: Callable[..., None], leave: asyncio.Event | None = None) -> Fleet:
    """The environment's hosts, not connected yet. `tell` hears of waits and lost links, as a Tell does.

    Until `leave` is set, a host that lacks the agent is left as it is.
    """
    environment = intent.environment
    opened_by = transports(len(environment.hosts), leave)
    return Fleet(environment.hosts, app=intent.app, environment=environment.name, transport_for=opened_by, tell=tell)


_typed: dict[str, tuple[Facts, HostFacts]] = {}
"""What each host said last: a flow asks for the types of the same facts three times, before it has leases and under them."""


def typed(facts: Mapping[str, Facts]) -> dict[str, HostFacts]:
    """Facts with types. Raises HostError for an agent that answers nonsense."""
    return {name: _typed_of(name, fact) for name, fact in facts.items()}


def _typed_of(name: str, fact: Facts) -> HostFacts:
    said, found = _typed.get(name, (None, None))
    if found is None or said != fact:
        found = read_facts(name, fact)
        _typed[name] = fact, found
    return found

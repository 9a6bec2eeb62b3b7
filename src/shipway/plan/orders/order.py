"""Facts of a fleet that serves and a person's words in; out, an Order: what is to be different of the generation that serves, per host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from shipway.model.errors import Refused, WrongInput
from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Intent
from shipway.plan.gates import UNTOUCHED, pass_gates
from shipway.plan.proxy.routes import routed
from shipway_agent.record import dataclass, field

Kind = Literal["restart", "scale", "stop", "start", "maintenance", "release"]


@dataclass(frozen=True, slots=True)
class Change:
    """One host: its new process table, the processes whose running copies go on, those that must prove themselves, and other new keys.

    What goes on and is not `judged` is as well afterwards as it was before: nobody is kept from closing a door behind which all is broken.
    """

    processes: Sequence[Json]
    takes: tuple[str, ...]
    judged: tuple[str, ...]
    keys: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """`what` says it in a few words, `command` is what was typed, `changes` are by host; none where all is so already.

    `shuts` when visitors get a page from then on; `opens` when it may have kept them out until now: both need the proxy to know the routes.
    `page` is the text of a page that the command brought. `ends_warm` when no earlier generation stays warm behind it.
    """

    kind: Kind
    what: str
    command: str
    changes: Mapping[str, Change]
    shuts: bool = False
    opens: bool = False
    page: str | None = None
    ends_warm: bool = False
    notes: tuple[str, ...] = ()


def live_documents(intent: Intent, facts: Mapping[str, HostFacts]) -> dict[str, Json]:
    """The generation that serves, as each host has it. Raises Refused: the gates' reasons; where nothing serves, or not one generation."""
    pass_gates(intent, None, facts)
    name = intent.environment.name
    found = {host.name: facts[host.name].live for host in intent.environment.hosts}
    bare = sorted(host for host, live in found.items() if live is None)
    if bare:
        raise Refused(
            f"nothing is current on {', '.join(bare)}",
            state=UNTOUCHED,
            hint=f"shipway deploy {name} makes every host serve the same",
            code="nothing-current",
        )
    numbers = {host: facts[host].member.current for host in found}
    if len(set(numbers.values())) > 1:
        serves = ", ".join(f"{host} serves generation {number}" for host, number in sorted(numbers.items()))
        raise Refused(
            f"the hosts do not serve one generation: {serves}",
            state=UNTOUCHED,
            hint=f"shipway deploy {name} makes every host serve the same",
            code="disagree",
        )
    return {host: live for host, live in found.items() if live is not None}


def names_of(documents: Mapping[str, Json]) -> tuple[str, ...]:
    """The processes of the fleet, in the order of the file."""
    return tuple(dict.fromkeys(str(p["name"]) for _, document in sorted(documents.items()) for p in document["processes"]))


def routed_of(documents: Mapping[str, Json]) -> str | None:
    """The process that requests go to; None where none is."""
    return next((name for document in documents.values() if (name := routed(document)) is not None), None)


def unknown_processes(names: Iterable[str], documents: Mapping[str, Json]) -> list[str]:
    """A sentence for each name that no process has."""
    known = names_of(documents)
    return [_unknown("process", name, known) for name in dict.fromkeys(names) if name not in known]


def unknown_hosts(names: Iterable[str], documents: Mapping[str, Json]) -> list[str]:
    """A sentence for each name that no host has."""
    return [_unknown("host", name, sorted(documents)) for name in dict.fromkeys(names) if name not in documents]


def refuse(faults: Sequence[str], command: str) -> None:
    """Raise WrongInput with all that is wrong with an order; nothing where nothing is. `command` names whose help tells more."""
    if len(faults) == 1:
        raise WrongInput(faults[0], state=UNTOUCHED, hint=f"shipway {command} --help", code="unfit-order")
    if faults:
        said = f"{len(faults)} things are wrong with this order"
        raise WrongInput(said, state=UNTOUCHED, hint=f"shipway {command} --help", code="unfit-order", details=list(faults))


def _unknown(kind: str, name: str, known: Sequence[str]) -> str:
    return f"no {kind} is called {name!r}; there {'is' if len(known) == 1 else 'are'} {', '.join(known) or 'none'}"

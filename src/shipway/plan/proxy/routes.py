"""Intent and a generation document in, the routes of its front door out: which requests are ours, and which process answers them.

Nothing here changes with a release. What a release does change (its addresses, its static folder, its routed process) the
agent lays out as `front/` inside the generation, and so it flips with the rename and not with a reload of the proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.errors import WrongInput
from shipway.model.intent import Intent
from shipway_agent.record import dataclass

SLOTS = 12
"""Addresses that the proxy dials, whatever the number of instances."""

ROUTED = "web"
"""The process that requests go to, where several listen."""


@dataclass(frozen=True, slots=True)
class Routes:
    """The front door of one application in one environment. No domains: every request that no other site claims."""

    id: str
    domains: tuple[str, ...]


def routes(intent: Intent, document: Mapping[str, Any]) -> Routes:
    """What the proxy is told. Raises WrongInput where it is not clear which process requests go to."""
    routed(document)
    return Routes(f"{intent.app}-{intent.environment.name}", tuple(dict.fromkeys(domain.lower() for domain in intent.environment.domains)))


def routed(document: Mapping[str, Any]) -> str | None:
    """The process that requests go to: `web`, else the only one that listens; None where none does.

    Raises WrongInput where several listen and none is called web.
    """
    listening = [str(process["name"]) for process in document["processes"] if process["listens"]]
    if ROUTED in listening:
        return ROUTED
    if len(listening) > 1:
        raise WrongInput(
            f"requests could go to {', '.join(listening)}: several processes listen and none is called {ROUTED}",
            state="nothing was touched",
            hint=f"call the process that answers requests {ROUTED}: [process.{ROUTED}] in shipway.toml",
        )
    return listening[0] if listening else None

"""What a person typed in; out, the project open and the logins to its hosts under way, before most of this program is read.

An operator's start is a tenth of a second of one core, a login the same of waiting, and what is needed to begin it is little: two answers
of git, and what an earlier command made of shipway.toml. Where anything is missing or wrong nothing is begun, and the flow says it.
"""

from __future__ import annotations

from contextlib import suppress

from shipway.flows.project import forget_ahead, open_ahead
from shipway.flows.remembered import known
from shipway.flows.words import Words
from shipway.model.errors import ShipwayError
from shipway.transports import early as logins
from shipway.transports.bounds import LOGIN_SECONDS
from shipway_agent.patience import patient


def early(words: Words) -> None:
    """Begin for a flow that logs in to every host of HEAD before all else. Never raises."""
    with suppress(ShipwayError, OSError, RuntimeError):  # the last where nobody has said where this user is at home
        project = open_ahead(words.project)
        intent = known(project.head, project.environment(words.environment), project.place.directory)
        if intent is None or getattr(words, "without", None):
            return
        if intent.shipment.build.run or intent.environment.requires.checks:
            return  # hosts wait for what may last, not what may last for hosts
        logins.begin(intent.environment.hosts, intent.app, intent.environment.name, patient(LOGIN_SECONDS))


def end() -> None:
    """End the logins that nobody needed after all, and forget the project."""
    logins.end()
    forget_ahead()

"""`shipway secrets recipients list`: who can open the secrets of an environment."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.resealed import known_recipients
from shipway.flows.sealed import folder_of
from shipway.flows.values import own_identities
from shipway.flows.words import SecretsRecipientsListWords
from shipway.model.event import Event
from shipway.model.verdict import Verdict


async def secrets_recipients_list(words: SecretsRecipientsListWords, on_event: Callable[[Event], None]) -> Verdict:
    """As the checkout lists them; which of them is you is marked. Raises WrongInput."""
    project = open_project(words.project)
    environment = intent_of_head(project, words.environment).environment.name
    known = known_recipients(folder_of(project, environment))
    mine = own_identities().recipients
    rows = [{"recipient": one.key, "label": one.label, "you": one.key in mine} for one in known]
    lines = [f"{one.key}{f'  {one.label}' if one.label else ''}{'  (you)' if one.key in mine else ''}" for one in known]
    return Verdict("answer", 0, f"{len(known)} recipients", "", "", {"recipients": rows, "lines": lines or [f"{environment} has none yet"]})

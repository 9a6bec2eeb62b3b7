"""`shipway secrets rm`: a name in, its encrypted file taken out of the checkout; a deployment takes it from the hosts."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.sealed import folder_of
from shipway.flows.words import SecretsRmWords
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.verdict import Verdict


async def secrets_rm(words: SecretsRmWords, on_event: Callable[[Event], None]) -> Verdict:
    """Earlier commits and generations keep the value, so that a rollback brings it back. Raises WrongInput where there is none."""
    project = open_project(words.project)
    environment = intent_of_head(project, words.environment).environment.name
    folder = folder_of(project, environment)
    known = folder.sealed()
    if words.name not in known:
        near = get_close_matches(words.name, known, n=1)
        raise WrongInput(
            f"{environment} has no secret of that name" + (f"; the nearest is {near[0]}" if near else ""),
            state="nothing was touched",
            hint=f"shipway secrets list {environment} has the names",
            code="secret-name",
        )
    folder.remove(words.name)
    shown = folder.path.relative_to(project.place.repository)
    return Verdict(
        "answer",
        0,
        f"{words.name} of {environment} is no longer in the checkout; what serves keeps it until a deployment, earlier commits for good",
        f"git add {shown} && git commit -m 'Remove {words.name}', then shipway deploy {environment}",
    )

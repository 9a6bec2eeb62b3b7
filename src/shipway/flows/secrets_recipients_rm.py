"""`shipway secrets recipients rm`: one fewer who can open what is set from now on."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.resealed import known_recipients, reseal
from shipway.flows.sealed import folder_of
from shipway.flows.values import own_identities
from shipway.flows.words import SecretsRecipientsRmWords
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.verdict import Verdict


async def secrets_recipients_rm(words: SecretsRecipientsRmWords, on_event: Callable[[Event], None]) -> Verdict:
    """Encrypt every value anew for the others. What was readable stays known: the verdict says what to set again. Raises WrongInput."""
    project = open_project(words.project)
    environment = intent_of_head(project, words.environment).environment.name
    folder = folder_of(project, environment)
    known = known_recipients(folder)
    gone = [one for one in known if words.recipient.strip() in (one.key, one.label)]
    if len(gone) != 1 or len(known) == 1:
        why = "is the only one who can open them" if gone and len(known) == 1 else "is several of them" if gone else "is none of them"
        raise WrongInput(
            f"{words.recipient!r} {why}",
            state="nothing was touched",
            hint=f"shipway secrets recipients list {environment} lists them",
            code="recipient",
        )
    reseal(folder, [one for one in known if one not in gone], own_identities())
    shown = folder.path.relative_to(project.place.repository)
    names = ", ".join(folder.sealed())
    still = f"; what they could read they may have kept, so rotate {names}" if names else ""
    return Verdict(
        "answer",
        0,
        f"{gone[0].label or gone[0].key} opens nothing that is committed from now on in {environment}{still}",
        f"git add {shown} && git commit -m 'Secrets of {environment}: one recipient fewer'",
    )

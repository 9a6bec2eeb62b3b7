"""`shipway secrets set`: a name and a value in, one encrypted file of the checkout out; a deployment brings it to the hosts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shipway.config.secrets.age import count_of_recipients, seal, unseal
from shipway.config.secrets.fingerprint import fingerprint, read_key
from shipway.config.secrets.folder import Folder, Recipient
from shipway.config.secrets.identities import Identities
from shipway.config.secrets.value import read_value
from shipway.flows.head import intent_of_head
from shipway.flows.project import Project, open_project
from shipway.flows.resealed import known_recipients
from shipway.flows.sealed import folder_of, name_fault
from shipway.flows.values import own_identities
from shipway.flows.words import SecretsSetWords
from shipway.ledger.store import ignored_folder
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.intent import Hidden
from shipway.model.verdict import Verdict


async def secrets_set(words: SecretsSetWords, on_event: Callable[[Event], None]) -> Verdict:
    """Encrypt the value for all recipients; the first ever is whoever sets one. No host is touched. Raises WrongInput."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name, environment = words.name, intent.environment.name
    _refuse_name(name, environment, written=name in intent.environment.env, place=project.place.file)
    value = _value(words.value, name)
    folder, mine = folder_of(project, environment), own_identities()
    recipients = known_recipients(folder)
    if not recipients:
        recipients = (_myself(mine),)
        folder.write_recipients(recipients)
    shown = folder.path.relative_to(project.place.repository)
    print_of_it = _fingerprint(project, value)
    if _is_already(folder, name, value, mine, recipients):
        return Verdict("answer", 0, f"{name} of {environment} has this value already{print_of_it}; nothing was changed")
    folder.write(name, seal(value, [one.key for one in recipients]))
    who = "1 recipient" if len(recipients) == 1 else f"{len(recipients)} recipients"
    return Verdict(
        "answer",
        0,
        f"{name} of {environment} is encrypted for {who} in {shown}/{name}.age{print_of_it}; what serves was not touched",
        f"git add {shown} && git commit -m 'Set {name}', then shipway deploy {environment}",
        "",
        {"name": name, "file": f"{shown}/{name}.age", "recipients": [one.key for one in recipients]},
    )


def _refuse_name(name: str, environment: str, *, written: bool, place: str) -> None:
    fault = name_fault(name)
    if fault or written:
        raise WrongInput(
            f"what was typed as the name {fault}" if fault else f"{name} is in [environment.{environment}.env] of {place}",
            state="nothing was touched",
            hint="name it otherwise" if fault else "take it out there and commit, then set it",
            code="secret-name",
        )


def _value(data: bytes, name: str) -> Hidden:
    try:
        return read_value(data)
    except ValueError as fault:
        raise WrongInput(
            f"the value of {name} {fault}",
            state="nothing was touched",
            hint=f"pipe it (… | shipway secrets set ENV {name}), or type it when you are asked",
            code="secret-value",
        ) from None


def _myself(mine: Identities) -> Recipient:
    if not mine.recipients:
        raise WrongInput(
            "nobody is a recipient yet, and you have no key of your own",
            state="nothing was touched",
            hint="shipway secrets keygen makes one; or shipway secrets recipients add ENV RECIPIENT names who can open them",
            code="secret-key",
            details=mine.looked,
        )
    return Recipient(mine.recipients[0])


def _fingerprint(project: Project, value: str) -> str:
    try:
        return f" (fingerprint {fingerprint(read_key(ignored_folder(project.directory)), value)})"
    except OSError:
        return ""


def _is_already(folder: Folder, name: str, value: str, mine: Identities, recipients: Sequence[Recipient]) -> bool:
    """Only who can open it can tell; who cannot writes it anew. So does who finds it encrypted for fewer or more than are listed.

    Such a file is what git makes of a value set on one branch and a recipient added or taken away on another.
    """
    try:
        sealed = folder.sealed()[name]
        return unseal(sealed, mine) == value and count_of_recipients(sealed) == len(recipients)
    except (KeyError, ValueError):
        return False

"""`shipway secrets list`: the encrypted values of an environment, who set each and when; whether two are the same, and never what."""

from __future__ import annotations

from collections.abc import Callable

from shipway.config.secrets.age import unseal
from shipway.config.secrets.fingerprint import fingerprint, read_key
from shipway.config.secrets.folder import ENDING, place_of
from shipway.config.secrets.identities import Identities
from shipway.flows.head import intent_of_head
from shipway.flows.project import Project, open_project
from shipway.flows.sealed import folder_of, name_fault, same, sealed_at
from shipway.flows.values import own_identities
from shipway.flows.words import SecretsListWords
from shipway.ledger.store import ignored_folder
from shipway.model.event import Event
from shipway.model.secret import KeptSecret
from shipway.model.verdict import Verdict
from shipway.release.history import last_change
from shipway.reports.secrets import secrets_json, secrets_text


async def secrets_list(words: SecretsListWords, on_event: Callable[[Event], None]) -> Verdict:
    """As the checkout has them, with what differs from HEAD named. Exit 1 when one cannot be opened here. Raises WrongInput, Refused."""
    project = open_project(words.project)
    environment = intent_of_head(project, words.environment).environment.name
    place = place_of(project.place.directory, environment)
    here, head = folder_of(project, environment).sealed(), sealed_at(project, environment)
    mine, key = own_identities(), _key(project)
    found = []
    for name in sorted({*here, *(path.rpartition("/")[2].removesuffix(ENDING) for path in head)}):
        file = f"{place}/{name}{ENDING}"
        state = _state(here.get(name), head.get(file))
        who, when = last_change(project.repository, project.commit, file) if file in head else ("", "")
        value, fault = _opened(here.get(name) or head[file], name, mine, key)
        found.append(KeptSecret(name, file, state, who, when, value, fault))
    data = {"secrets": secrets_json(found), "lines": secrets_text(found, environment)}
    faults = sum(1 for one in found if one.fault)
    if faults:
        return Verdict("answer", 1, f"{faults} of {len(found)} cannot be opened here", "", "", data)
    return Verdict("answer", 0, f"{len(found)} secrets", "", "", data)


def _state(here: bytes | None, head: bytes | None) -> str:
    if same(here, head):
        return "committed"
    if here is None:
        return "removed here, not committed"
    return "set here, not committed" if head is None else "changed here, not committed"


def _opened(sealed: bytes, name: str, mine: Identities, key: bytes) -> tuple[str, str]:
    """Fingerprint and fault, of which one is empty."""
    fault = name_fault(name)
    if fault:
        return "", fault
    try:
        value = unseal(sealed, mine)
    except ValueError as why:
        return "", str(why)
    return (fingerprint(key, value) if key else ""), ""


def _key(project: Project) -> bytes:
    try:
        return read_key(ignored_folder(project.directory))
    except OSError:
        return b""

"""`shipway secrets recipients add`: one more person or machine that can open the secrets of an environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shipway.config.secrets.age import recipient_fault
from shipway.config.secrets.folder import Recipient
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.resealed import known_recipients, reseal
from shipway.flows.sealed import folder_of
from shipway.flows.values import own_identities
from shipway.flows.words import SecretsRecipientsAddWords
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.verdict import Verdict


async def secrets_recipients_add(words: SecretsRecipientsAddWords, on_event: Callable[[Event], None]) -> Verdict:
    """Encrypt every value anew, for all who could open them and for this one. Raises WrongInput; then no file was changed."""
    project = open_project(words.project)
    environment = intent_of_head(project, words.environment).environment.name
    folder = folder_of(project, environment)
    new = _read(words)
    known = tuple(one for one in known_recipients(folder) if one.key != new.key)
    count = reseal(folder, (*known, new), own_identities())
    shown = folder.path.relative_to(project.place.repository)
    what = "1 secret" if count == 1 else f"{count} secrets"
    return Verdict(
        "answer",
        0,
        f"{new.label or new.key} can open the {what} of {environment} from the next commit on",
        f"git add {shown} && git commit -m 'Secrets of {environment}: one more recipient'",
    )


def _read(words: SecretsRecipientsAddWords) -> Recipient:
    """A key as it is, or what a file such as id_ed25519.pub holds; the comment of an ssh key is its label."""
    text = words.recipient.strip()
    if not text.startswith(("age1", "ssh-")) and Path(text).expanduser().is_file():
        text = Path(text).expanduser().read_text(encoding="utf-8", errors="replace").strip()
    parts = text.split()
    key, comment = (" ".join(parts[:2]), " ".join(parts[2:])) if text.startswith("ssh-") else (text, "")
    label = words.label or comment
    fault = recipient_fault(key) or ("" if label.isprintable() else "has a label with control characters")
    if fault:
        raise WrongInput(
            f"what was typed {fault}",
            state="nothing was touched",
            hint="they type shipway secrets keygen, or show their ~/.ssh/id_ed25519.pub",
            code="recipient",
        )
    return Recipient(key, label)

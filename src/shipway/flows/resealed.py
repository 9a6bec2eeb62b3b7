"""A folder of secrets and who shall open it in, the same folder encrypted for those out: all values or none."""

from __future__ import annotations

from collections.abc import Sequence

from shipway.config.secrets.age import recipient_fault, seal, unseal
from shipway.config.secrets.folder import RECIPIENTS, Folder, Recipient
from shipway.config.secrets.identities import Identities
from shipway.model.errors import WrongInput


def known_recipients(folder: Folder) -> tuple[Recipient, ...]:
    """Who is listed. Raises WrongInput naming every line that is no recipient."""
    try:
        found = folder.recipients()
        faults = [f"{one.key[:40]}: {fault}" for one in found if (fault := recipient_fault(one.key))]
    except (ValueError, OSError) as error:
        found, faults = (), [str(error)]
    if faults:
        raise WrongInput(
            f"{folder.path / RECIPIENTS} cannot be used",
            state="nothing was touched",
            hint="correct what is named; shipway secrets recipients list ENV reads it again",
            code="secret-file",
            details=faults,
        )
    return found


def reseal(folder: Folder, recipients: Sequence[Recipient], mine: Identities) -> int:
    """Encrypt every value for `recipients`, and list them; answers how many values. Raises WrongInput naming each that cannot be opened.

    The list is written last: the same command does it again where it was interrupted.
    """
    opened, faults = {}, []
    for name, sealed in folder.sealed().items():
        try:
            opened[name] = unseal(sealed, mine)
        except ValueError as fault:
            faults.append(f"{name}: {fault}")
    if faults:
        raise WrongInput(
            f"{len(faults)} of the secrets cannot be opened here, so they cannot be encrypted for others",
            state="nothing was touched",
            hint="let somebody do it who can open them, or set them again",
            code="secret-file",
            details=faults,
        )
    for name, value in opened.items():
        folder.write(name, seal(value, [one.key for one in recipients]))
    folder.write_recipients(recipients)
    return len(opened)

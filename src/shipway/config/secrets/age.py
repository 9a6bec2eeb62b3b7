"""A value and who may read it in, an age file out; and back. Files are ASCII-armored and what `age` itself writes and reads.

The library is imported when something is encrypted or decrypted, and not before. Nothing here touches a disk.
"""

from __future__ import annotations

import binascii
import importlib
from collections.abc import Sequence
from typing import Any

from shipway.config.secrets.identities import Identities
from shipway.config.secrets.value import read_value
from shipway.model.intent import Hidden

BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
END = b"-----END AGE ENCRYPTED FILE-----"
MOST_BYTES = 1_000_000
"""Of an encrypted file; one value for some hundred people is smaller."""

MARKERS = (b"<<<<<<< ", b">>>>>>> ")
"""What git leaves in a file that it could not merge."""


def seal(value: str, recipients: Sequence[str]) -> bytes:
    """Encrypt for each of `recipients`, which were checked. Two calls give two different files."""
    pyrage: Any = importlib.import_module("pyrage")
    sealed: bytes = pyrage.encrypt(value.encode(), [_recipient(one) for one in recipients], armored=True)
    return sealed


def unseal(sealed: bytes, identities: Identities) -> Hidden:
    """Decrypt. Raises ValueError with a sentence of which the file is the subject."""
    fault = fault_of(sealed)
    if fault:
        raise ValueError(fault)
    pyrage: Any = importlib.import_module("pyrage")
    if not identities.keys:
        raise ValueError(f"is encrypted, and you have no key: {identities.advice}")
    try:
        opened = pyrage.decrypt(sealed, list(identities.keys))
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise ValueError(f"is encrypted to others: {identities.advice}") from None
        raise ValueError("is damaged: take it from an earlier commit, or set the value again") from None
    try:
        return read_value(opened)
    except ValueError as why:
        raise ValueError(f"was opened, but its value {why}") from None


def count_of_recipients(sealed: bytes) -> int:
    """For how many a whole file is encrypted, which anybody can see; who they are nobody can. Raises ValueError where it is none."""
    armored = b"".join(line for line in sealed.splitlines() if not line.startswith(b"-----"))
    header = binascii.a2b_base64(armored).partition(b"\n---")[0]
    kinds = [line.split()[1] for line in header.split(b"\n") if line.startswith(b"-> ")]
    return sum(not kind.endswith(b"-grease") for kind in kinds)  # grease is for nobody: writers add it, so that readers learn to skip


def fault_of(sealed: bytes) -> str:
    """What is wrong with a file that anybody can see without a key; "" where nothing is."""
    lines = sealed.split(b"\n")
    marked = next((number for number, line in enumerate(lines, 1) if line.startswith(MARKERS)), 0)
    if marked:
        return (
            f"has conflict markers of git on line {marked}: two people set it. Take one (git checkout --ours or --theirs) or set it again, "
            "then git add it"
        )
    if len(sealed) > MOST_BYTES:
        return f"is larger than any secret may be, {len(sealed):,} bytes"
    if lines[0].rstrip(b"\r") != BEGIN:
        return "is no armored age file: set the value again"
    if END not in (line.rstrip(b"\r") for line in lines):
        return "is cut off: take it from an earlier commit, or set the value again"
    return ""


def recipient_fault(text: str) -> str:
    """Why `text` cannot be encrypted to; "" where it can."""
    if text.startswith("AGE-SECRET-KEY-") or "PRIVATE KEY" in text:
        return "is a secret key; what is needed is the public one, age1… or ssh-ed25519 …"
    if not text.startswith(("age1", "ssh-")):
        return "is no recipient: age1… (X25519), ssh-ed25519 … or ssh-rsa …"
    pyrage: Any = importlib.import_module("pyrage")
    try:
        _recipient(text)
    except pyrage.RecipientError:
        return "is damaged: a recipient must be copied whole"
    return ""


def _recipient(text: str) -> Any:
    pyrage: Any = importlib.import_module("pyrage")
    return pyrage.ssh.Recipient.from_str(text) if text.startswith("ssh-") else pyrage.x25519.Recipient.from_str(text)

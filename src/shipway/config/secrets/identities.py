"""A person's environment and home in, the keys that open what is encrypted to them out; and a new key for who has none."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shipway_agent.record import dataclass, field

VARIABLE = "SHIPWAY_AGE_IDENTITY"
"""Names a file with the key, or holds the key itself (for CI). Where it is set, nothing else is looked at."""

SECRET = "AGE-SECRET-KEY-1"  # noqa: S105  # how such a key begins, and no key
SSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"
OPEN_TO_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Identities:
    """`keys` open files, `recipients` are the public halves as far as they are known, `looked` says what was found where."""

    keys: tuple[Any, ...] = field(default=(), repr=False)
    recipients: tuple[str, ...] = ()
    looked: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        """What to do where these open nothing."""
        mine = next(iter(self.recipients), "")
        if mine:
            return f"who can open it types `shipway secrets recipients add ENV '{mine}'` (yours: {'; '.join(self.looked)})"
        return f"`shipway secrets keygen` makes one, and who can open it adds that ({'; '.join(self.looked)})"


def home() -> Path:
    """Of whoever runs this; where neither HOME nor the system knows one, the root, where no key is."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def key_file(environment: Mapping[str, str], home: Path) -> Path:
    """Where a person's key for age lies."""
    base = environment.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else home / ".config") / "shipway/age.key"


def find(environment: Mapping[str, str], home: Path) -> Identities:
    """All keys of a person: SHIPWAY_AGE_IDENTITY alone, else ~/.config/shipway/age.key and ~/.ssh/id_ed25519. Raises nothing."""
    given = environment.get(VARIABLE, "").strip()
    if given.startswith(SECRET):
        return _read([(VARIABLE, given.encode(), "")])
    named = home / given[2:] if given.startswith("~/") else Path(given)
    places = [named] if given else [key_file(environment, home), home / ".ssh/id_ed25519"]
    found: list[tuple[str, bytes, str]] = []
    looked: list[str] = []
    for place in places:
        try:
            if place.stat().st_mode & OPEN_TO_OTHERS:
                looked.append(f"{place} may be read by others: chmod 600 {place}")
                continue
            found.append((str(place), place.read_bytes(), _public(place)))
        except OSError as error:
            looked.append(f"{place}: {error.strerror}")
    made = _read(found)
    return Identities(made.keys, made.recipients, (*made.looked, *looked))


def make(path: Path) -> str:
    """A new key at `path`, for its owner only; answers its recipient. Raises FileExistsError, OSError."""
    pyrage: Any = importlib.import_module("pyrage")
    key = pyrage.x25519.Identity.generate()
    recipient = str(key.to_public())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, f"# made by shipway secrets keygen\n# public key: {recipient}\n{key}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return recipient


def _public(private: Path) -> str:
    """The public half that ssh keeps beside a key, without its comment."""
    try:
        words = private.with_name(private.name + ".pub").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return ""
    return " ".join(words[:2]) if words[:1] and words[0].startswith("ssh-") else ""


def _read(found: list[tuple[str, bytes, str]]) -> Identities:
    keys: list[Any] = []
    recipients: list[str] = []
    looked: list[str] = []
    for name, content, public in found:
        try:
            own, said = _ssh(content, public) if content.lstrip().startswith(SSH) else _age(content)
        except ValueError as fault:
            looked.append(f"{name} {fault}")
            continue
        keys += own
        recipients += said
        looked.append(name)
    return Identities(tuple(keys), tuple(recipients), tuple(looked))


def _age(content: bytes) -> tuple[list[Any], list[str]]:
    pyrage: Any = importlib.import_module("pyrage")
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    if not wanted:
        raise ValueError("holds no key")
    try:
        keys = [pyrage.x25519.Identity.from_str(line) for line in wanted]
    except pyrage.IdentityError:
        raise ValueError(f"holds something that is no key: each line begins with {SECRET}…, or with #") from None
    return keys, [str(key.to_public()) for key in keys]


def _ssh(content: bytes, public: str) -> tuple[list[Any], list[str]]:
    pyrage: Any = importlib.import_module("pyrage")
    try:
        return [pyrage.ssh.Identity.from_buffer(content)], [public] if public else []
    except pyrage.IdentityError as error:
        if "decrypted first" in str(error):
            raise ValueError("has a passphrase, so that it opens nothing here") from None
        raise ValueError("is no key that age can use") from None

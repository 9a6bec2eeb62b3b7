"""The directory of shipway.toml and an environment in, its encrypted values out: one file each, so that git merges them one by one.

`.shipway-secrets/production/DATABASE_URL.age` is a value, `.shipway-secrets/production/recipients` says for whom all are encrypted.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from shipway_agent.record import dataclass

FOLDER = ".shipway-secrets"
ENDING = ".age"
RECIPIENTS = "recipients"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who can open: the public key, and a word about whose it is."""

    key: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """The secrets of one environment in a checkout. `path` need not be there."""

    path: Path

    def sealed(self) -> Mapping[str, bytes]:
        """Every encrypted value by its variable, in order. Raises OSError."""
        files = sorted(self.path.glob(f"*{ENDING}")) if self.path.is_dir() else []
        return {file.name.removesuffix(ENDING): file.read_bytes() for file in files}

    def recipients(self) -> tuple[Recipient, ...]:
        """Raises OSError, and ValueError for a file that git could not merge."""
        try:
            text = (self.path / RECIPIENTS).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        return read_recipients(text)

    def write(self, name: str, sealed: bytes) -> None:
        """In place of what was there, whole or not at all."""
        self._replace(f"{name}{ENDING}", sealed)

    def write_recipients(self, recipients: Sequence[Recipient]) -> None:
        """All of them, in place of those that were there."""
        self._replace(RECIPIENTS, recipients_text(recipients).encode())

    def remove(self, name: str) -> None:
        """Raises FileNotFoundError."""
        (self.path / f"{name}{ENDING}").unlink()

    def _replace(self, name: str, content: bytes) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        aside = self.path / f".{name}-{secrets.token_hex(4)}"
        try:
            aside.write_bytes(content)
            aside.replace(self.path / name)
        finally:
            aside.unlink(missing_ok=True)


def place_of(directory: str, environment: str) -> str:
    """Where the folder of an environment lies in the repository; `directory` is that of shipway.toml there."""
    return f"{FOLDER}/{environment}" if directory == "." else f"{directory}/{FOLDER}/{environment}"


def read_recipients(text: str) -> tuple[Recipient, ...]:
    """One a line, as `age -R` reads them; a comment right above is its label. Raises ValueError."""
    found: list[Recipient] = []
    label = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("<<<<<<< ", ">>>>>>> ")):
            raise ValueError(f"has conflict markers of git on line {number}: keep the recipients of both sides, then git add it")
        if line.startswith("#"):
            label = line.lstrip("# ").strip()
        elif line.strip():
            found.append(Recipient(line.strip(), label))
            label = ""
    return tuple(found)


def recipients_text(recipients: Sequence[Recipient]) -> str:
    """The file that read_recipients reads."""
    return "".join(f"{f'# {one.label}' + chr(10) if one.label else ''}{one.key}\n" for one in recipients)

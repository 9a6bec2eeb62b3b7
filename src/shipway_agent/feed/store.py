"""Parcels in, files below `parcels/` named by their digest out: what a cut left there need not travel again."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from shipway_agent.errors import Missing, naming
from shipway_agent.folder import write_file
from shipway_agent.root import Root

FOLDER = "parcels"


@dataclass(frozen=True)
class Parcels:
    """The parcels of one root. Nothing here is synced: each is verified when it is looked for again, and a damaged one never came."""

    root: Root

    def has(self, digest: str) -> bool:
        """Whether it is here and whole."""
        try:
            return hashlib.blake2b(self.read(digest), digest_size=32).hexdigest() == digest
        except Missing:
            return False

    def keep(self, digest: str, data: bytes) -> None:
        """Put one there, in one rename. Raises AgentError: disk-full, denied, read-only."""
        with self.root.at(FOLDER, create=True, mode=0o700) as folder, naming(folder.full(digest)):
            aside = f".new-{os.urandom(8).hex()}"
            try:
                write_file(folder.fd, aside, data, 0o600, sync=False)
                os.rename(aside, digest, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
            except BaseException:
                folder.unlink(aside)
                raise

    def read(self, digest: str) -> bytes:
        """The bytes of one. Raises Missing."""
        with self.root.at(FOLDER) as folder:
            return folder.read(digest)

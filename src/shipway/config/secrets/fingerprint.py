"""A value that nobody may see in, a short text out that tells here whether two are the same, and tells everybody else nothing."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

KEY_BYTES = 32
FILE = "fingerprint-key"


def fingerprint(key: bytes, value: str) -> str:
    """Ten hex digits. Whoever lacks the key can neither compute them nor try likely values."""
    return hashlib.blake2b(value.encode(), key=key, digest_size=5).hexdigest()


def read_key(folder: Path) -> bytes:
    """The key of this checkout, made when it is not there: `folder` is its `.shipway`, which no commit holds. Raises OSError."""
    path = folder / FILE
    for _ in range(3):
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            key = b""
        if len(key) == KEY_BYTES:
            return key
        _make(path)
    raise OSError(f"{path} cannot be made")


def _make(path: Path) -> None:
    """Made aside and linked in place, so that two who make it at once have the same; one that is damaged is replaced."""
    aside = path.with_name(f"{FILE}-{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(KEY_BYTES))
        os.close(descriptor)
        try:
            os.link(aside, path)
        except FileExistsError:
            if path.stat().st_size != KEY_BYTES:
                aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)

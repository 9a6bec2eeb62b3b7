"""BLAKE2b: as hashlib has it, without the library of OpenSSL that hashlib brings along: 4 ms of each login."""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:  # a Python that was built without its own hashes
    from hashlib import blake2b

__all__ = ["blake2b"]

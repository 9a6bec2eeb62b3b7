"""A key and a text in, its HMAC-SHA256 (RFC 2104) out; and a comparison that tells nothing by the time it takes.

`hmac` and `hashlib` bring the library of OpenSSL along, 4 ms of each deployment on each host, for two short texts.
"""

from __future__ import annotations

from _operator import _compare_digest as same

from shipway_agent.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha256 import sha256
    except ImportError:
        try:
            from _sha2 import sha256  # as it is called since Python 3.12
        except ImportError:  # a Python that was built without its own hashes
            from hashlib import sha256

__all__ = ["mac_of", "same"]

BLOCK_BYTES = 64
INNER, OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


def mac_of(key: bytes, text: bytes) -> str:
    """64 hex digits that only who has the key can make of a text."""
    short = (key if len(key) <= BLOCK_BYTES else sha256(key).digest()).ljust(BLOCK_BYTES, b"\0")
    inner = sha256(short.translate(INNER) + text).digest()
    return sha256(short.translate(OUTER) + inner).hexdigest()

"""The bytes of a secret in, the value that a process can be given out, or why it cannot be one."""

from __future__ import annotations

from shipway.model.intent import Hidden

MOST_BYTES = 100_000
"""Of one variable of an environment; the kernel takes 131,071, name included."""


def read_value(data: bytes) -> Hidden:
    """The value, without the one line break at its end that whatever prints or types it adds.

    Raises ValueError with a sentence for what no variable of an environment can hold. Line breaks inside are kept: keys have them.
    """
    data = data.removesuffix(b"\n")
    if not data:
        raise ValueError("is empty")
    if len(data) > MOST_BYTES:
        raise ValueError(f"is longer than {MOST_BYTES:,} bytes, and the kernel takes no more in one variable")
    if b"\0" in data:
        raise ValueError("holds a NUL byte, which no process can receive")
    try:
        return Hidden(data.decode())
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text (encode it, with base64 for example)") from None

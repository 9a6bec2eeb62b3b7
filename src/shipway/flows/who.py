"""Nothing in, who this is out: for records that people read."""

from __future__ import annotations

import getpass
import socket


def who() -> str:
    """The person and machine behind this driver, for records only."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"{name}@{socket.gethostname()}"

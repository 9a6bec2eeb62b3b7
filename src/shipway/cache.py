"""Where this user's cache is: what can be lost, for it is made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """Clean checkouts, built outputs and what was worked out once: $XDG_CACHE_HOME/shipway, else ~/.cache/shipway."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "shipway"

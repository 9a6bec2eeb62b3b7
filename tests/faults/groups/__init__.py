"""Groups of faults, each a file of its own: what it strikes at, and how."""

from __future__ import annotations

import importlib

from tests.faults.case import Group

NAMES = ("operator", "network", "wire", "host", "agent", "disk", "release", "clock", "members", "feed", "books")


def groups() -> list[Group]:
    """All of them, in the order of the table."""
    return [importlib.import_module(f"tests.faults.groups.{name}").GROUP for name in NAMES]

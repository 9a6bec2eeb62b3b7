"""What a failed step said in, a line of it out for those who watch: why it failed. What follows and what to do is in the verdict."""

from __future__ import annotations

from shipway.reports.clean import clean

LONG = 140
"""Characters that a line still holds: what has no more is said whole."""


def cause(message: str) -> str:
    """A short message as it is; of a longer one what stands before its first semicolon, and …"""
    said = clean(message)
    why, _, more = said.partition("; ")
    return f"{why} …" if more and len(said) > LONG else said

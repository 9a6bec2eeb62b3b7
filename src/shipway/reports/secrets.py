"""Encrypted secrets in, a table for a person and JSON for a program out; no value is in either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shipway.model.secret import KeptSecret
from shipway.reports.clean import clean


def secrets_text(secrets: Sequence[KeptSecret], environment: str) -> list[str]:
    """A line each; what is wrong with one stands below it."""
    if not secrets:
        return [f"{environment} has no encrypted secrets; shipway secrets set {environment} NAME makes one"]
    rows = [("name", "fingerprint", "last commit", "by", "state")]
    rows += [
        (one.name, one.fingerprint or "-", one.when[:16].replace("T", " ") or "-", clean(one.who) or "-", one.state) for one in secrets
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    shown = lines[:1]
    for one, line in zip(secrets, lines[1:], strict=True):
        shown += [clean(line), *([f"  {clean(one.file)} {clean(one.fault)}"] if one.fault else [])]
    return shown


def secrets_json(secrets: Sequence[KeptSecret]) -> list[dict[str, Any]]:
    """The same as JSON values."""
    return [
        {
            "name": one.name,
            "file": one.file,
            "state": one.state,
            "who": one.who,
            "when": one.when,
            "fingerprint": one.fingerprint,
            "fault": one.fault,
        }
        for one in secrets
    ]

"""The events of an attempt in, its two files out: the report for programs, and beside it the page for people."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from shipway.model.event import Event
from shipway.reports.json import report


def write_report(project: Path, events: Iterable[Event], *, with_page: bool = True) -> Path:
    """Write `<project>/.shipway/reports/<deployment>.json` and `.html`, each whole or not at all; answers the first. Raises OSError.

    Without its page an earlier one stays: that of 64 hosts takes a tenth of a second to draw.
    """
    made = report(events)
    path = page_path(project, made["deployment"]).with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(made, indent=1, sort_keys=False) + "\n")
    if with_page:
        write_page(path.with_suffix(".html"), made)
    return path


def write_page(path: Path, told: Mapping[str, Any]) -> None:
    """Write the page of a report. Raises OSError."""
    from shipway.reports.page import page  # a command that draws none starts without it

    write_whole(path, page(told))


def page_path(project: Path, deployment: str) -> Path:
    """Where the page of a deployment lies."""
    return project / ".shipway" / "reports" / f"{_file_name(deployment)}.html"


def write_whole(path: Path, content: str) -> None:
    """Replace a file by one with this content: whoever reads it sees the old one or the new one. Raises OSError."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _file_name(deployment: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", deployment).lstrip(".")[:120] or "unnamed"

"""The events of an attempt in, its two files out: the report for programs, and beside it the page for people."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shipway.reports.fold import State
from shipway.reports.json import ACTIVATION, report_of


def write_report(project: Path, state: State) -> Path:
    """Write `<project>/.shipway/reports/<deployment>.json` and `.html`, each whole or not at all; answers the first. Raises OSError.

    A command that found nothing to do has no page: nothing is drawn on it, and `show --html` makes it for whoever asks.
    """
    made = report_of(state)
    path = page_path(project, made["deployment"]).with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(made, indent=1, sort_keys=False) + "\n")
    if made["verdict"] != "unchanged":
        write_page(path.with_suffix(".html"), made)
    return path


def write_so_far(project: Path, state: State) -> None:
    """The same of an attempt that goes on, for whoever finds it without its end. Raises OSError.

    Hosts may wait meanwhile: so nothing is synced, the JSON is on one line, and one page is drawn, when no user can notice how long it
    takes.
    """
    made = report_of(state)
    path = page_path(project, made["deployment"]).with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(made) + "\n", sync=False)
    phase = state.phase.name if state.phase is not None else ""
    if phase not in ACTIVATION and not path.with_suffix(".html").exists():
        write_page(path.with_suffix(".html"), made)


def write_page(path: Path, told: Mapping[str, Any]) -> None:
    """Write the page of a report. Raises OSError."""
    from shipway.reports.page import page  # a command that draws none starts without it

    write_whole(path, page(told))


def page_path(project: Path, deployment: str) -> Path:
    """Where the page of a deployment lies."""
    return project / ".shipway" / "reports" / f"{_file_name(deployment)}.html"


def write_whole(path: Path, content: str, *, sync: bool = True) -> None:
    """Replace a file by one with this content: whoever reads it sees the old one or the new one. Raises OSError.

    With `sync` also whoever reads it after a loss of power.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _file_name(deployment: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", deployment).lstrip(".")[:120] or "unnamed"

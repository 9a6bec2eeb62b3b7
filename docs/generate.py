"""Declarations of the source in, the pages of docs/reference/ and the list of decisions out; --check: exit 1 where one is not fresh."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from docs import commands, decided, errors
from shipway.config import reference
from shipway.model.event import KINDS
from shipway.model.history import VERDICTS
from shipway.reports.schemas import events_schema, report_schema, status_schema
from shipway_agent.states import DECISIONS, INTENT, NEXT, TENTATIVE

DIRECTORY = Path(__file__).parent / "reference"
NOTE = "<!-- Written by bin/docs from {source}; edit that. -->\n\n"


def states() -> str:
    """The table of stages as a diagram and as a list."""
    arrows = [f"    {before} --> {after}: {event}" for (before, event), after in NEXT.items()]
    notes = [
        ("tentative", TENTATIVE, "discarded when the lease runs out"),
        ("intent", INTENT, "undecided; what it takes to go forward or back is kept"),
        ("decision", DECISIONS, "nothing leads out"),
    ]
    lines = [f"- **{name}** ({', '.join(sorted(stages))}): {what}" for name, stages, what in notes]
    return (
        NOTE.format(source="src/shipway_agent/states.py")
        + "# Where a host stands in one deployment\n\n```mermaid\nstateDiagram-v2\n"
        + "\n".join(arrows)
        + "\n```\n\n"
        + "\n".join(lines)
        + "\n"
    )


def events() -> str:
    """What `--json` prints, one a line, and what a report is folded from."""
    kinds = "".join(f"| `{kind}` | {meaning} |\n" for kind, meaning in KINDS.items())
    verdicts = "".join(f"| `{verdict}` | {meaning} |\n" for verdict, meaning in VERDICTS.items())
    return (
        NOTE.format(source="src/shipway/model/event.py and history.py")
        + f"# Events and verdicts\n\n| event | meaning: data |\n|---|---|\n{kinds}\n| verdict | meaning |\n|---|---|\n{verdicts}"
    )


def schema(make: Callable[[], Mapping[str, Any]]) -> Callable[[], str]:
    """A JSON Schema as the text of its file."""
    return lambda: json.dumps(make(), indent=2) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "states.md": states,
    "events.md": events,
    "errors.md": lambda: NOTE.format(source="src/shipway/flows/catalogue.py and hints.py") + errors.page(),
    "commands.md": lambda: NOTE.format(source="src/shipway/cli/") + commands.page(),
    "../decisions/index.md": lambda: NOTE.format(source="the files beside it") + decided.page(),
    "configuration.md": reference.page,
    "shipway.schema.json": reference.json_schema,
    "report.schema.json": schema(report_schema),
    "events.schema.json": schema(events_schema),
    "status.schema.json": schema(status_schema),
}


def _path(name: str) -> str:
    return str((DIRECTORY / name).resolve().relative_to(DIRECTORY.parents[1]))


def main(argv: list[str]) -> int:
    stale = [name for name, page in PAGES.items() if not (DIRECTORY / name).exists() or (DIRECTORY / name).read_text() != page()]
    if "--check" in argv:
        for name in stale:
            print(f"{_path(name)} is not what the source says now; bin/docs writes it")
        return 1 if stale else 0
    for name in stale:
        (DIRECTORY / name).write_text(PAGES[name]())
        print(f"wrote {_path(name)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The files of docs/decisions/ in, the page that lists them out."""

from __future__ import annotations

from pathlib import Path

DIRECTORY = Path(__file__).parent / "decisions"


def page() -> str:
    """The text of docs/decisions/index.md."""
    rows = [f"| [{title}]({path.name}) |" for path in sorted(DIRECTORY.glob("[0-9]*.md")) for title in [_title(path)]]
    head = ["# Decisions", "", "Why it is as it is: the question, what was decided, what it costs, and what was measured.", ""]
    return "\n".join([*head, "| decision |", "|---|", *rows]) + "\n"


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")

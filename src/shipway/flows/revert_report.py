"""The word of a person in; out, where it is the path of a report of ours, its deployment and what was current before that."""

from __future__ import annotations

import json
from pathlib import Path

from shipway.model.errors import WrongInput
from shipway.reports.reading import mapped, text, whole
from shipway_agent.record import dataclass

MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Undone:
    """The deployment that a revert undoes: the generations `before` and `after` it."""

    deployment: str
    environment: str
    before: int
    after: int


def undone_by(words: str, environment: str | None) -> Undone | None:
    """None where `words` are no path of a report. Raises WrongInput for a file that is none, or of another environment."""
    if not words.endswith(".json"):
        return None
    try:
        told = json.loads(Path(words).read_bytes()[:MOST_BYTES])
    except (OSError, ValueError) as error:
        raise _wrong(f"{words} cannot be read as a report: {error}") from None
    generation = mapped(told, "generation") if isinstance(told, dict) else {}
    before, after = whole(generation, "before"), whole(generation, "after")
    name = text(told, "environment") if isinstance(told, dict) else ""
    if not name or after is None:
        raise _wrong(f"{words} is no report of a deployment")
    if environment is not None and environment != name:
        raise _wrong(f"{words} is of {name}, and not of {environment}")
    if before is None:
        raise _wrong(f"nothing was current in {name} before the deployment of {words}")
    return Undone(text(told, "deployment"), name, before, after)


def _wrong(message: str) -> WrongInput:
    return WrongInput(
        message, state="nothing was touched", hint="reports are in .shipway/reports/; shipway history lists them", code="report"
    )

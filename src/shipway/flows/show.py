"""`shipway show`: one deployment, step by step."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from pathlib import Path

from shipway.flows.head import intent_of_head
from shipway.flows.memory import remembered
from shipway.flows.project import Project, open_project
from shipway.flows.words import ShowWords
from shipway.ledger.history import find
from shipway.model.errors import Refused, WrongInput
from shipway.model.event import Event
from shipway.model.history import Record
from shipway.model.verdict import Verdict
from shipway.reports.files import page_path, write_page
from shipway.reports.history import record_json, show_text
from shipway.reports.json import report


async def show(words: ShowWords, on_event: Callable[[Event], None]) -> Verdict:
    """Find the deployment among all that are remembered. Raises WrongInput when none or several are meant."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    memory = await remembered(project, intent, on_event)
    found = find(memory.history, words.deployment)
    name = intent.environment.name
    if len(found) != 1:
        what = f"{words.deployment!r} means {len(found)} deployments" if found else f"no deployment {words.deployment!r} is remembered"
        raise WrongInput(
            f"{what} in {name}",
            state="nothing was touched",
            hint=f"shipway history {name} lists them",
            code="deployment",
            details=[record.deployment for record in found[:10]],
        )
    (record,) = found
    events = memory.events(record.deployment)
    if words.html is not None:
        return _page(project, record, events, words.html)
    data = {"deployment": record_json(record), "lines": show_text(record, events)}
    return Verdict("answer", 0, f"{record.deployment}: {record.verdict}", "", record.deployment, data)


def _page(project: Project, record: Record, events: Sequence[Event], name: str) -> Verdict:
    """Write the page of a deployment, and say where. Raises Refused where it cannot be written."""
    if not events:
        raise Refused(
            f"no step of {record.deployment} is remembered here or on a host",
            state="nothing was written",
            hint=f"shipway show {record.environment} {record.deployment} tells what is known",
            code="deployment",
        )
    path = Path(name) if name else page_path(project.directory, record.deployment)
    try:
        if not name:
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            raise FileExistsError(errno.EEXIST, "it is there, and is no file")
        write_page(path.resolve(), report(events))
    except OSError as error:
        raise Refused(
            f"{path} cannot be written: {error.strerror or error}",
            state="nothing was written",
            hint=f"shipway show {record.environment} {record.deployment} --html OTHER.html",
            code="page",
        ) from error
    data = {"page": str(path), "lines": [f"wrote {path}"]}
    return Verdict("answer", 0, f"{record.deployment}: its page is {path}", "", record.deployment, data)

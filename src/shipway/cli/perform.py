"""The name of a flow and its words in, its exit code out: the flow runs, is shown while it runs, and every ending is put in words."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from shipway.cli.screen import Screen
from shipway.cli.standing import end_now, stands
from shipway.cli.typed import typed
from shipway.flows.words import Words
from shipway.model.errors import AGAIN, HostError, ShipwayError, WrongInput
from shipway.model.event import Event
from shipway.model.verdict import Verdict

READS = frozenset(
    {"doctor", "status", "plan", "config", "history", "show", "verify", "explain", "self-check"}
    | {"setup", "maintenance"}
    | {"data list", "data backup", "data verify", "data settle", "data send", "data fetch", "data export"}
    | {"secrets list", "secrets set", "secrets rm", "secrets keygen"}
    | {"secrets recipients add", "secrets recipients rm", "secrets recipients list"}
)
"""Flows that deploy nothing: what they print is their answer. Of hosts they touch no more than `doctor --fix` and `setup` say."""

HASTENS = frozenset({"deploy", "rollback", "status"})
"""Flows that log in to every host before all else: it is begun before what they do then is read."""

WATCHES = frozenset({"attach"})
"""Flows that tell what others do: an interruption ends the watching, and nothing else."""

STREAMS = frozenset({"logs", "exec"})
"""Flows whose answer is lines that come, for as long as somebody reads them: an interruption is their good end."""

MAKES = frozenset({"setup", "host add"})
"""Flows that make machines ready, which is no deployment: a host makes what it has begun to its end."""

VERDICT_OF_CODE = {1: "undone", 2: "refused", 3: "refused", 4: "unsettled"}


LEAVE_SECONDS = 1.0
"""Whoever interrupts twice waits no longer for a reader that stands still."""


class Flow(Protocol):
    """What every file of flows/ has: an async function of the file's own name."""

    async def __call__(self, words: Words, on_event: Callable[[Event], None]) -> Verdict:
        """Run to a verdict. Raises ShipwayError."""
        ...


def perform(name: str, words: Words, *, debug: bool = False, screen: Screen | None = None, alone: str = "") -> int:
    """Run the flow `name` and answer its exit code.

    `debug` prints the traceback of an error. With --json, `alone` names the part of the verdict's data that is printed instead of
    the verdict, for commands whose answer is one object.
    """
    with screen or Screen(json=words.json, reads=name in READS, alone=bool(alone), streams=name in STREAMS) as shown:
        try:
            with _hastened(name, words):
                import asyncio  # here and below, because a shell that completes a word imports the commands and runs none

                verdict = asyncio.run(_run(name, words, shown))
        except Exception as error:  # a person sees words, never a traceback
            if debug:
                _print_traceback(error, shown)
            verdict, situation, details = worded(error, shown, name, words)
            stands(verdict.exit_code)
            shown.verdict(verdict, situation=situation, details=details, report=_report(words.project, shown))
            return verdict.exit_code
        _show(verdict, shown, alone, _report(words.project, shown))
        return verdict.exit_code


def find_flow(name: str) -> Flow:
    """The flow of that name, imported now; that of `host remove` is host_remove, that of `self-check` self_check."""
    file = name.replace(" ", "_").replace("-", "_")
    flow: Flow = getattr(importlib.import_module(f"shipway.flows.{file}"), file)
    return flow


def worded(error: Exception, screen: Screen, name: str, words: Words) -> tuple[Verdict, str, Sequence[str]]:
    """An error as a verdict, the state things are in, and lines of detail."""
    deployment = screen.state.deployment if screen.state.touched else ""
    if isinstance(error, ShipwayError):
        again = typed(name, words)
        details = [line.replace(AGAIN, again) for line in error.details]
        data: dict[str, object] = {"code": error.code, "state": error.state, "details": details}
        verdict = Verdict(VERDICT_OF_CODE[error.exit_code], error.exit_code, error.message, _hint(error, again), deployment, data)
        return verdict, error.state, details
    environment = words.environment or str(screen.state.began.get("environment", "")) or "ENV"
    hint = f"shipway status {environment} tells what each host serves; --debug shows where it happened"
    touched = screen.state.touched
    what = (
        f"{error.host}: {error.message}" if isinstance(error, HostError) else f"a fault of shipway itself, {type(error).__name__}: {error}"
    )
    state = "hosts were touched; they settle by themselves" if touched else "nothing was touched"
    lines = error.lines if isinstance(error, HostError) else ()
    kind = "unsettled" if touched else "refused"
    return Verdict(kind, _exit_code_of_a_fault(screen), what, hint, deployment, {"state": state}), state, lines


@contextmanager
def _hastened(name: str, words: Words) -> Iterator[None]:
    if name not in HASTENS:
        yield
        return
    from shipway.flows.early import early, end

    early(words)
    try:
        yield
    finally:
        end()


def _exit_code_of_a_fault(screen: Screen) -> int:
    return 4 if screen.state.touched else 3


async def _run(name: str, words: Words, screen: Screen) -> Verdict:
    import asyncio

    from shipway.cli.interrupt import interruptible, left_alone, no_longer_read, no_longer_watched, not_waited_for

    flow = find_flow(name)
    left, will = left_alone, "undoing; once more leaves it to the hosts"
    if name in WATCHES:
        left, will = no_longer_watched, "the watching ends; the deployment goes on"
    if name in STREAMS:
        left, will = no_longer_read, ""
    if name in MAKES:
        will = "what was begun on a host is made to its end"

    async def work() -> Verdict:
        return await flow(words, screen.on_event)

    def leave() -> None:
        verdict = not_waited_for() if name in MAKES and not screen.state.touched else left(screen.state)
        screen.verdict(verdict)
        screen.drain(LEAVE_SECONDS)
        end_now(verdict.exit_code)

    task = asyncio.ensure_future(work())
    with interruptible(task, screen.aside, leave, will):
        try:
            verdict = await task
        except asyncio.CancelledError:
            verdict = left(screen.state)
        except Exception as error:
            stands(error.exit_code if isinstance(error, ShipwayError) else _exit_code_of_a_fault(screen))
            raise
        stands(verdict.exit_code)
        return verdict


def _report(project: Path, screen: Screen) -> str:
    """Where the flow has written the report of this attempt, "" where it has not. Shown from here when it lies below."""
    name = f"{screen.state.deployment}.json"
    for directory in (project.resolve(), *project.resolve().parents):
        path = directory / ".shipway" / "reports" / name
        if screen.state.deployment and path.is_file():
            return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
    return ""


def _show(verdict: Verdict, screen: Screen, alone: str, report: str) -> None:
    lines = verdict.data.get("lines")
    data = {key: value for key, value in verdict.data.items() if key != "lines"}
    told = Verdict(verdict.verdict, verdict.exit_code, verdict.message, verdict.hint, verdict.deployment, data)
    if screen.json:
        screen.object(data[alone]) if alone and alone in data else screen.verdict(told)
        return
    if lines is not None:
        screen.lines(lines)
    if verdict.verdict == "ended":
        return  # a command of the user's ran: what it said is all there is to say
    if lines is None or verdict.exit_code or verdict.hint or verdict.verdict == "unchanged":
        screen.verdict(told, report=report)


def _hint(error: ShipwayError, again: str) -> str:
    """The hint with the command in its place; behind it where it names none, unless the command itself is what was wrong."""
    hint = error.hint.replace(AGAIN, again)
    if error.exit_code == WrongInput.exit_code or "shipway " in hint:
        return hint
    return f"{hint.rstrip('. ')}; then {again}" if hint else again


def _print_traceback(error: Exception, screen: Screen) -> None:
    import traceback

    screen.lines([])
    for line in "".join(traceback.format_exception(error)).splitlines():
        screen.aside(line)

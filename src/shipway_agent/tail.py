"""Names of processes and how far each log was read in, the lines behind that out: at once, or as soon as somebody writes one."""

from __future__ import annotations

import time

from shipway_agent import logs
from shipway_agent.apply import pointed
from shipway_agent.call import Call
from shipway_agent.folder import Folder
from shipway_agent.follow import STIR_SECONDS
from shipway_agent.typed import Any, Dict, List, Mapping, Optional, Sequence

LOOK_SECONDS = 0.1
"""Between two looks at the sizes of the logs: a stat for each."""

MOST_LINES = 10_000
"""Of one log, in one answer; read_on and last give less than 256 KiB of it anyway."""


def tail(call: Call) -> Dict[str, Any]:
    """{"generation", "known", "logs": [{"log", "process", "instance", "at", "lines", "left_out"}]}: of `generation`, else of what serves.

    `processes` are names, none means all of the application; jobs have a log, and `tasks`, `supervisor` and `notifications`. Without
    `since` the last `lines` of each log, else what stands behind the bytes it gives for each log, waiting `wait_seconds` at most for the
    first.
    `at` is where to go on; a line that is not ended yet waits for its end, except at the end of what is not followed (`follow` false).
    `left_out` says that more was written than is told. `known` are all the names that could be asked for.
    """
    asked = [str(name) for name in call.args.get("processes") or []]
    generation = _whole(call.args.get("generation"))
    since = call.args.get("since")
    count = min(int(call.args.get("lines", 100)), MOST_LINES)
    until = time.monotonic() + min(float(call.args.get("wait_seconds", 0.0)), STIR_SECONDS)
    with call.root.at(logs.FOLDER, create=True, mode=0o700) as folder:
        while True:
            number = pointed(call.root) if generation is None else generation
            meant = _meant(folder, asked, number)
            if since is None:
                found = [_last(folder, name, count, follow=bool(call.args.get("follow"))) for name in meant]
            else:
                found = [told for name in meant if (told := _on(folder, name, int(since.get(name, 0)), since)) is not None]
            if found or since is None or time.monotonic() >= until or call.ended.is_set():
                return {"generation": number, "known": _known(folder), "logs": found}
            call.ended.wait(LOOK_SECONDS)


def _whole(value: Any) -> Optional[int]:
    return None if value is None else int(value)


def _meant(folder: Folder, asked: Sequence[str], generation: Optional[int]) -> List[str]:
    """The logs of these processes in this generation, by name and instance, and those that are of no generation."""
    found = []
    for name in folder.names():
        of = logs.whose(name)
        if of is not None and of.generation == generation and (not asked or of.process in asked):
            found.append((of.process, of.instance, name))
        elif of is None and name.endswith(logs.SUFFIX) and _whose(name) in asked:
            found.append((name, 0, name))
    return [name for _, _, name in sorted(found)]


def _known(folder: Folder) -> List[str]:
    names = [name for name in folder.names() if name.endswith(logs.SUFFIX)]
    return sorted({of.process if (of := logs.whose(name)) is not None else _whose(name) for name in names})


def _whose(name: str) -> str:
    """Whose log it is that is of no generation: a job's, or one of ours."""
    return name[: -len(logs.SUFFIX)].partition(logs.JOB)[2] if name.startswith(logs.JOB) else name[: -len(logs.SUFFIX)]


def _last(folder: Folder, name: str, count: int, *, follow: bool) -> Dict[str, Any]:
    at, ended = logs.end_of_lines(folder, name)
    lines = logs.last(folder, name, count + 1)
    if follow and not ended and lines:
        lines.pop()  # it is told when it is whole
    return {**_of(name), "at": at if follow else logs.size_of(folder, name), "lines": lines[-count:] if count else [], "left_out": False}


def _on(folder: Folder, name: str, at: int, since: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
    lines, now, left_out = logs.read_on(folder, name, at)
    if now == at and name in since:
        return None
    return {**_of(name), "at": now, "lines": lines, "left_out": left_out}


def _of(name: str) -> Dict[str, Any]:
    of = logs.whose(name)
    if of is None:
        return {"log": name, "process": _whose(name), "instance": None}
    return {"log": name, "process": of.process, "instance": of.instance}

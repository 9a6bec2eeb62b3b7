"""A generation on disk in; out, `front/` inside it: what the proxy looks at, under names that are the same in every generation.

Links 1 to 12 lead to the slots of the routed process, `static` to the folder of the release that is served as files. So which process
answers and which files are served flip with `current`, and come back with it, while the routes of the proxy never change.
"""

from __future__ import annotations

import os
from typing import Any, List, Mapping, Optional

from shipway_agent.errors import AgentError, naming
from shipway_agent.folder import plain
from shipway_agent.primitives import generations
from shipway_agent.root import Root

FOLDER = "front"
STATIC = "static"

ROUTED = "web"
"""The process that requests go to, where several listen."""


def lay(root: Root, number: int, document: Mapping[str, Any]) -> None:
    """Make `front/` of a generation, durable when it returns. Idempotent. Raises AgentError: `front`, `slots`, `path`.

    Every slot must have its address: one without is answered with an error the moment it is asked for.
    """
    process = routed(document)
    if process is not None:
        _check_slots(root, number, process)
    with root.at(generations.place(number)) as generation:
        if generation.stat(FOLDER) is not None:
            return
        generation.sweep()
        with generation.workshop() as inside, naming(generation.full(FOLDER)):
            for slot in range(1, generations.SLOTS + 1) if process is not None else ():
                os.symlink(f"../{generations.UP}/{plain(f'{process}.{slot}')}", str(slot), dir_fd=inside.fd)
            if document.get("static"):
                os.symlink(f"../{generations.RELEASE}/{_inside(str(document['static']))}", STATIC, dir_fd=inside.fd)
            os.fchmod(inside.fd, 0o755)
            inside.sync()
            generation.rename(inside.name, FOLDER)


def routed(document: Mapping[str, Any]) -> Optional[str]:
    """The process that requests go to: `web`, else the only one that listens; None where none does. Raises AgentError `front`."""
    listening = [str(process["name"]) for process in document["processes"] if process["listens"] is not None]
    if ROUTED in listening:
        return ROUTED
    if len(listening) > 1:
        raise AgentError("front", f"requests could go to {', '.join(listening)}: several processes listen and none is called {ROUTED}")
    return listening[0] if listening else None


def addresses(root: Root, number: int, document: Mapping[str, Any]) -> List[str]:
    """Every address that the proxy may dial for this generation, each once. None where no process listens."""
    process = routed(document)
    slots = generations.read_slots(root, number) if process is not None else {}
    return list(dict.fromkeys(slots[name] for name in _names(process) if slots.get(name)))


def _check_slots(root: Root, number: int, process: str) -> None:
    slots = generations.read_slots(root, number)
    empty = [name for name in _names(process) if not slots.get(name)]
    if empty:
        message = f"generation {number} has no address in {', '.join(empty)}; process.start writes them"
        raise AgentError("slots", message, generation=number, slots=empty)


def _names(process: Optional[str]) -> List[str]:
    return [f"{process}.{slot}" for slot in range(1, generations.SLOTS + 1)]


def _inside(path: str) -> str:
    for part in path.split("/"):
        plain(part)
    return path

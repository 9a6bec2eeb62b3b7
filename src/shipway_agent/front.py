"""A generation on disk in; out, `front/` inside it: what the proxy looks at, under names that are the same in every generation.

Links 1 to 12 lead to the slots of the routed process, and so do those in `open/`, which requests that are held wait for: while a hold lasts
they lead nowhere. `static` leads to the folder of the release that is served as files; `closed`, `stopped` and `held.SECONDS` say that
visitors get `page.html`, or wait. So who answers and which files are served flip with `current`, and come back with it, while the routes
of the proxy never change.
"""

from __future__ import annotations

import os

from shipway_agent.errors import AgentError, naming
from shipway_agent.folder import Folder, plain, write_file
from shipway_agent.page import page
from shipway_agent.primitives import generations
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, List, Mapping, Optional

FOLDER = "front"
STATIC = "static"
OPEN = "open"
PAGE = "page.html"
CLOSED = "closed"
STOPPED = "stopped"
HELD = "held"

NOWHERE = b"unix//dev/null/held"
"""An address at which nothing can ever listen: the proxy is refused at once, and tries again until its bound."""

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
            if process is not None:
                _link_slots(inside, process, "..")
                with inside.at(OPEN, create=True) as opened:
                    _link_slots(opened, process, None if _held_seconds(document) else "../..")
                    opened.sync()
            for name, data in _shut(root, number, document).items():
                write_file(inside.fd, name, data, 0o644)
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
    return list(dict.fromkeys(slots[name] for name in generations.slots_of(process or "") if slots.get(name)))


def _link_slots(folder: Folder, process: str, up: Optional[str]) -> None:
    """Names 1 to 12 for the slots of a process, which lie `up` from here; None for addresses that lead nowhere."""
    for slot in range(1, generations.SLOTS + 1):
        if up is None:
            write_file(folder.fd, str(slot), NOWHERE, 0o644, sync=False)
        else:
            os.symlink(f"{up}/{generations.UP}/{plain(f'{process}.{slot}')}", str(slot), dir_fd=folder.fd)


def _held_seconds(document: Mapping[str, Any]) -> int:
    """How long requests are held, 0 where they are not."""
    maintenance = document.get("maintenance") or {}
    return int(maintenance["hold_seconds"]) if maintenance.get("how") == "hold" else 0


def _shut(root: Root, number: int, document: Mapping[str, Any]) -> Dict[str, bytes]:
    """The files that keep visitors out, or waiting, and the page that they get; none where they are let in."""
    names = [
        *([STOPPED] if document.get("closed") else []),
        *([CLOSED] if (document.get("maintenance") or {}).get("how") == "page" else []),
        *([f"{HELD}.{_held_seconds(document)}"] if _held_seconds(document) else []),
    ]
    return {**dict.fromkeys(names, b""), PAGE: page(root, number, document)} if names else {}


def _check_slots(root: Root, number: int, process: str) -> None:
    slots = generations.read_slots(root, number)
    empty = [name for name in generations.slots_of(process) if not slots.get(name)]
    if empty:
        message = f"generation {number} has no address in {', '.join(empty)}; process.start writes them"
        raise AgentError("slots", message, generation=number, slots=empty)


def _inside(path: str) -> str:
    for part in path.split("/"):
        plain(part)
    return path

"""A generation on disk in; out, `front/` inside it: what the proxy looks at, under names that are the same in every generation.

Links 1 to 12 lead to the slots of the routed process, and so do those in `open/`, which requests that are held wait for: while a hold lasts
they lead nowhere. A deployment that holds requests lays its generation so, and has the one that serves be so meanwhile. `static` leads to
the folder of the release that is served as files; `closed`, `stopped` and `held.SECONDS` say that visitors get `page.html`, or wait. So who
answers and which files are served flip with `current`, and come back with it, while the routes of the proxy never change.
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


def lay(root: Root, number: int, document: Mapping[str, Any], wait_seconds: int = 0) -> None:
    """Make `front/` of a generation, durable when it returns. Idempotent. Raises AgentError: `front`, `slots`, `path`.

    Every slot must have its address: one without is answered with an error the moment it is asked for. With `wait_seconds` requests wait
    from the very moment at which it becomes current.
    """
    wait_seconds = _held_seconds(document) or wait_seconds
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
                    _link_slots(opened, process, None if wait_seconds else "../..")
                    opened.sync()
            for name, data in _shut(root, number, document, wait_seconds if process is not None else 0).items():
                write_file(inside.fd, name, data, 0o644)
            if document.get("static"):
                os.symlink(f"../{generations.RELEASE}/{_inside(str(document['static']))}", STATIC, dir_fd=inside.fd)
            os.fchmod(inside.fd, 0o755)
            inside.sync()
            generation.rename(inside.name, FOLDER)


def have_wait(root: Root, number: int, document: Mapping[str, Any], wait_seconds: int) -> None:
    """Have requests to a generation that is laid wait from now on. Idempotent. Raises AgentError.

    What they would find is made first, and then the mark that sends them there: nobody meets half of it.
    """
    process = routed(document)
    if process is None or _held_seconds(document):
        return
    with root.at(_place(number)) as inside:
        marks = _marks(inside)
        mark = f"{HELD}.{wait_seconds}"
        if marks == [mark]:
            return
        if inside.stat(PAGE) is None:
            inside.write(PAGE, _page(root, number, document), 0o644)
        _lead(inside, process, None)
        inside.write(mark, b"", 0o644)
        for other in marks:
            if other != mark:
                inside.unlink(other)


def let_in(root: Root, number: int, document: Mapping[str, Any]) -> None:
    """Have those who wait find the slots, and then send nobody there any more. Idempotent. What `maintenance` holds goes on waiting."""
    process = routed(document)
    if process is None or _held_seconds(document):
        return
    with root.at(_place(number)) as inside:
        marks = _marks(inside)
        if marks:
            _lead(inside, process, "../..")
        for mark in marks:
            inside.unlink(mark)


def waits(root: Root, number: int, document: Mapping[str, Any]) -> bool:
    """Whether requests to this generation wait, and not because `maintenance` says so."""
    if _held_seconds(document) or root.stat(_place(number)) is None:
        return False
    with root.at(_place(number)) as inside:
        return bool(_marks(inside))


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


def _lead(inside: Folder, process: str, up: Optional[str]) -> None:
    """Have the names in `open/` lead to the slots or nowhere, each by one rename."""
    with inside.at(OPEN, create=True) as opened, naming(opened.path):
        with opened.workshop() as aside:
            _link_slots(aside, process, up)
            for slot in range(1, generations.SLOTS + 1):
                os.rename(str(slot), str(slot), src_dir_fd=aside.fd, dst_dir_fd=opened.fd)
        opened.sync()


def _marks(inside: Folder) -> List[str]:
    return [name for name in inside.names() if name.startswith(f"{HELD}.")]


def _place(number: int) -> str:
    return f"{generations.place(number)}/{FOLDER}"


def _held_seconds(document: Mapping[str, Any]) -> int:
    """How long requests are held, 0 where they are not."""
    maintenance = document.get("maintenance") or {}
    return int(maintenance["hold_seconds"]) if maintenance.get("how") == "hold" else 0


def _shut(root: Root, number: int, document: Mapping[str, Any], wait_seconds: int) -> Dict[str, bytes]:
    """The files that keep visitors out, or waiting, and the page that they get; none where they are let in."""
    names = [
        *([STOPPED] if document.get("closed") else []),
        *([CLOSED] if (document.get("maintenance") or {}).get("how") == "page" else []),
        *([f"{HELD}.{wait_seconds}"] if wait_seconds else []),
    ]
    return {**dict.fromkeys(names, b""), PAGE: _page(root, number, document)} if names else {}


def _page(root: Root, number: int, document: Mapping[str, Any]) -> bytes:
    """What is shown of a generation that is stopped, closed, or held for longer than somebody may wait."""
    shut = document.get("closed") or document.get("maintenance")
    return page(root, number, document if shut else {**document, "maintenance": {"how": "hold"}})


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

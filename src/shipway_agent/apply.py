"""A root and its journal in; out, the link `current` and the door behind it as the record wants them, and the daemon told to look again."""

from __future__ import annotations

import time

from shipway_agent import json_text as json
from shipway_agent.decide import Member
from shipway_agent.errors import AgentError, Foreign
from shipway_agent.journal import Journal, ProcessRow
from shipway_agent.primitives import generations
from shipway_agent.root import Root
from shipway_agent.typed import Any, Mapping, NamedTuple, Optional
from shipway_agent.wants import Instance, Keep, generations_of, hands_over, wants

LINK = "current"
SOCKET = "supervisor.sock"
LOOK_AGAIN_SECONDS = 0.1
DOOR = "front"
"""The folder of a generation at which the proxy looks (front.py)."""


class Applied(NamedTuple):
    """`link` is where `current` points now. `held` when a committed generation waits for its listeners: apply again when one is up."""

    link: Optional[int]
    moved: bool
    held: bool


def apply(root: Root, journal: Journal) -> Applied:
    """Make the link right under the host's lock, and poke the daemon. Idempotent. Raises AgentError; the link is then as it was."""
    with root.host_lock():
        applied = apply_locked(root, journal)
    poke(root)
    return applied


def apply_locked(root: Root, journal: Journal) -> Applied:
    """`apply` for a caller that holds the host's lock itself and pokes the daemon itself."""
    member = journal.member()
    applied = _link(root, journal, member)
    align(root, journal, member, applied.link)
    return applied


def align(root: Root, journal: Journal, member: Member, link: Optional[int]) -> bool:
    """Have requests wait at the generation that serves while the record holds; afterwards let them in, once it is what the record says
    and its process can answer. False where that is still to come. Under the host's lock. Raises AgentError.
    """
    names = [] if link is None else root.names(f"{generations.place(link)}/{DOOR}")
    if not names or not (member.held is not None or any(name.startswith("held.") for name in names)):
        return True  # as most times
    from shipway_agent import front

    document = None if link is None else generations.read(root, link)
    if link is None or document is None:
        return True
    if member.held is not None:
        if member.held.waits:
            front.have_wait(root, link, document, member.held.seconds)
        return True
    if not front.waits(root, link, document):
        return True
    if link != member.current or not _answers(root, journal, link, document):
        return False
    front.let_in(root, link, document)
    return True


def _link(root: Root, journal: Journal, member: Member) -> Applied:
    link = pointed(root)
    wanted = wants(member, generations.documents(root, generations_of(member))).link
    if isinstance(wanted, Keep) or wanted == link:
        return Applied(link, False, False)
    # A higher number is the way forward: this host had gone back when the fleet decided to go on. What serves goes on serving
    # until its successor can; the way back never waits.
    if link is not None and wanted is not None and wanted > link and _serves(root, journal, link) and not _serves(root, journal, wanted):
        return Applied(link, False, True)
    point(root, wanted)
    return Applied(wanted, True, False)


def wait_until_served(root: Root, journal: Journal, timeout_seconds: float) -> None:
    """Return when the generation of the record serves here: linked, its listeners up. The daemon starts it; this only looks.

    Raises AgentError `behind` after `timeout_seconds`; the record stands, and the daemon goes on.
    """
    until = time.monotonic() + timeout_seconds
    while True:
        current = journal.member().current
        if apply(root, journal).link == current and (current is None or _serves(root, journal, current)):
            return
        if time.monotonic() >= until:
            message = (
                f"generation {current} is committed, and after {timeout_seconds:g} s it does not serve here yet; the host goes on trying"
            )
            raise AgentError("behind", message, generation=current)
        time.sleep(LOOK_AGAIN_SECONDS)


def pointed(root: Root) -> Optional[int]:
    """The generation that `current` points at, None where there is no link. Raises Foreign for a link that is not one of ours."""
    target = root.read_link(LINK)
    if target is None:
        return None
    prefix, _, digits = target.rpartition(b"/")
    if prefix != b"generations" or not digits.isdigit():
        raise Foreign(root.full(LINK), f"points at {target.decode('utf-8', 'backslashreplace')}")
    return int(digits)


def point(root: Root, number: Optional[int]) -> None:
    """The switch: one rename, then on disk. None takes the link away."""
    if number is None:
        root.unlink(LINK)
    else:
        root.link(LINK, generations.place(number))


def poke(root: Root, message: Optional[Mapping[str, Any]] = None) -> bool:
    """Have the daemon look again now; False where none runs."""
    return root.send(SOCKET, json.dumps(message or {}).encode())


def _serves(root: Root, journal: Journal, number: int) -> bool:
    """Whether a copy of every listener of a generation is up, by whichever generation's name it goes."""
    rows = [row for row in journal.processes() if row.state == "up" and row.healthy]
    documents = generations.documents(root, {number, *(row.generation for row in rows)})
    if number not in documents:
        return False
    return all(
        any(_is_of(row, number, process["name"], documents) for row in rows)
        for process in documents[number]["processes"]
        if process["listens"] is not None and process["instances"]
    )


def _answers(root: Root, journal: Journal, number: int, document: Mapping[str, Any]) -> bool:
    """Whether a copy of the process that requests go to is up; also where none runs, or all were given up: then nothing is waited for."""
    from shipway_agent.front import routed

    name = routed(document)
    rows = journal.processes()
    documents = {**generations.documents(root, {row.generation for row in rows}), number: document}
    own = [row for row in rows if name is not None and _is_of(row, number, name, documents)]
    wanted = sum(int(process["instances"]) for process in document["processes"] if process["name"] == name)
    return not wanted or any(row.state == "up" and row.healthy for row in own) or bool(own and all(row.state == "crashed" for row in own))


def _is_of(row: ProcessRow, number: int, name: str, documents: Mapping[int, Mapping[str, Any]]) -> bool:
    copy = Instance(row.generation, row.name, row.instance)
    return row.name == name and (row.generation == number or hands_over(copy, copy._replace(generation=number), documents))

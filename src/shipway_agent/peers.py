"""A question of one host in, another's answer out: one line of JSON each way over TCP, both under a MAC with the deployment's key.

A host listens only while a deployment that it is in is undecided, or decided and, for all it knows, not acknowledged by every member.
Everybody says what is decided, and under which term; what is not, only the lead may decide. Who has not the key learns nothing and
changes nothing: a question with a wrong MAC gets no answer.
"""

from __future__ import annotations

import os
import time

from shipway_agent import json_text as json
from shipway_agent import sockets
from shipway_agent.decide import EVERYBODY, UNNAMED, Attempt, Member, never_told
from shipway_agent.journal import Journal
from shipway_agent.mac import mac_of, same
from shipway_agent.record import dataclass
from shipway_agent.states import DECISIONS, DISCARDED
from shipway_agent.typed import Any, Callable, Dict, Iterable, List, Mapping, Optional, Protocol, Sequence, Set, Tuple

ACKNOWLEDGED = "acknowledged"
"""Kind of the event that names members which serve what was decided, as far as this host knows: {"members": [names]}."""

LINE_BYTES = 4096
PATIENCE_SECONDS = 3.0

ASK, REACH, ACKNOWLEDGE = "ask", "reach", "acknowledge"


@dataclass(frozen=True)
class Heard:
    """What a question brought. `reached` is False where no true answer came; `decision` None then means nothing.

    `term` is that of the record, `lead` who leads the deployment by it; `whole` when every member has acknowledged it to the lead.
    """

    reached: bool
    decision: Optional[str] = None
    why: str = ""
    term: int = 0
    lead: str = ""
    whole: bool = False


def ask(
    document: Mapping[str, Any],
    deployment: str,
    member: str,
    timeout_seconds: float = PATIENCE_SECONDS,
    do: str = ASK,
    least_term: int = 0,
) -> Heard:
    """Put a question at each address of document["peers"] until one answers truly. Never raises for what a network does.

    `do`: "ask" for the decision (the lead may write *reverted* on it), "reach" to see whether the lead can be heard,
    "acknowledge" to say that this member serves what was decided. An answer below `least_term` counts as none.
    """
    why = "the deployment names no address of its lead"
    for address in document.get("peers", ()):
        heard = _ask_at(str(address), str(document.get("peer_key", "")), deployment, member, timeout_seconds, do)
        if heard.reached and (heard.term >= least_term or do != ASK):
            return heard
        why = heard.why or f"{address}: its record is of term {heard.term}, and this host knows of term {least_term}"
    return Heard(False, why=why)


def where(attempt: Attempt, names: Iterable[str]) -> List[str]:
    """The addresses of these members, in this order; of the first lead also where a driver of an older Shipway told only those."""
    known = attempt.document.get("addresses", {})
    told = attempt.document.get("peers", ())
    found: List[str] = []
    for name in names:
        found += known.get(name, told if name == attempt.lead and not known else ())
    return found


def try_reach(document: Mapping[str, Any], deployment: str, member: str, timeout_seconds: float = PATIENCE_SECONDS) -> Optional[str]:
    """Why the lead cannot be heard from here, None when it can. Changes nothing there."""
    heard = ask(document, deployment, member, timeout_seconds, REACH)
    return None if heard.reached else heard.why


def awaited(member: Member, acknowledged: Callable[[str], Set[str]]) -> Tuple[Attempt, ...]:
    """The deployments for which this host must listen, newest first: others are in them, and one of those may still ask.

    `acknowledged` names, for a deployment, the members that serve what was decided. Who acknowledged a later one asks no more; who was
    written off may come back and ask about the newest decision, and is not waited for beyond it.
    """
    served: Set[str] = {member.name}
    gone: Set[str] = set()
    found: List[Attempt] = []
    for attempt in sorted(member.attempts, key=lambda one: -one.fence):
        if (attempt.stage == DISCARDED and attempt not in never_told(member)) or is_whole(attempt, served):
            continue
        if attempt.stage in DECISIONS:
            said = acknowledged(attempt.deployment)
            whole = is_whole(attempt, served | gone | said)
            served |= said - {EVERYBODY}
            if EVERYBODY in said:  # of older deployments that speaks for those who were in this one
                served.update(attempt.members if attempt.document.get("without") else (EVERYBODY,))
            gone |= set(member.left)
            if whole:
                continue
        found.append(attempt)
    return tuple(found)


def is_whole(attempt: Attempt, served: Set[str]) -> bool:
    """Whether all members are among these, also those that this host was not told by name."""
    return EVERYBODY in served or (not attempt.document.get(UNNAMED) and set(attempt.members) <= served)


class Events(Protocol):
    """What is needed of a journal to remember who serves what was decided."""

    def event(self, kind: str, deployment: str, data: Mapping[str, Any]) -> int: ...

    def events(
        self, since: int = 0, deployment: Optional[str] = None, limit: int = 1000, kind: Optional[str] = None
    ) -> List[Dict[str, Any]]: ...


def acknowledgements(journal: Events, deployment: str) -> Set[str]:
    """The members of a deployment that are recorded here as serving what was decided."""
    events = journal.events(0, deployment, 1_000_000, ACKNOWLEDGED)
    return {str(name) for event in events for name in event["data"].get("members", ())}


def acknowledge(journal: Events, deployment: str, members: Iterable[str]) -> Set[str]:
    """Record that these members serve what was decided, and answer all that do. Those that are recorded already are not written again."""
    known = acknowledgements(journal, deployment)
    new = sorted(set(members) - known)
    if new:
        journal.event(ACKNOWLEDGED, deployment, {"members": new})
    return known.union(new)


def answer(journal: Journal, line: bytes, now: float) -> Optional[bytes]:
    """The answer to one question; None for what is no question of a member with the key, and for what this host cannot say."""
    try:
        question = json.loads(line)
        deployment, member, nonce, do = (str(question[key]) for key in ("deployment", "member", "nonce", "do"))
        claimed = str(question["mac"])
    except (ValueError, KeyError, TypeError):
        return None
    attempt = journal.member().attempt(deployment)
    key = str(attempt.document.get("peer_key", "")) if attempt is not None else ""
    if attempt is None or not key or not (member in attempt.members or attempt.document.get(UNNAMED)):
        return None  # who is not known by name is one by its key
    if not same(_mac(key, ["question", do, deployment, member, nonce]).encode(), claimed.encode("utf-8", "replace")):
        return None
    said = _said(journal, attempt, member, do, now)
    if said is None:
        return None
    value = {**said, "mac": _mac(key, ["answer", do, deployment, member, nonce, *_parts(said)])}
    return json.dumps(value).encode() + b"\n"


def _said(journal: Journal, attempt: Attempt, member: str, do: str, now: float) -> Optional[Dict[str, Any]]:
    if do == REACH:
        return _values(attempt, None)
    if do == ACKNOWLEDGE:
        if attempt.stage not in DECISIONS:
            return None
        served = acknowledge(journal, attempt.deployment, [member]) | {attempt.lead}
        return _values(attempt, attempt.stage, is_whole(attempt, served))
    reply = journal.decide({"do": "ask", "deployment": attempt.deployment}, now)
    after = journal.member().attempt(attempt.deployment)
    return _values(after, reply["decision"]) if reply["ok"] and after is not None else None


def _values(attempt: Attempt, decision: Optional[str], whole: bool = False) -> Dict[str, Any]:
    return {"decision": decision, "term": attempt.term, "lead": attempt.lead, "whole": whole}


def _parts(said: Mapping[str, Any]) -> List[Optional[str]]:
    """What the MAC of an answer covers of it."""
    return [said["decision"], str(said["term"]), str(said["lead"]), str(said["whole"])]


def _ask_at(address: str, key: str, deployment: str, member: str, timeout_seconds: float, do: str) -> Heard:
    nonce = os.urandom(16).hex()
    question = {
        "do": do,
        "deployment": deployment,
        "member": member,
        "nonce": nonce,
        "mac": _mac(key, ["question", do, deployment, member, nonce]),
    }
    host, _, port = address.rpartition(":")
    try:
        until = time.monotonic() + timeout_seconds
        with sockets.connected(host.strip("[]"), int(port), timeout_seconds) as connection:
            connection.sendall(json.dumps(question).encode() + b"\n")
            line = _read_line(connection, until)
    except (OSError, ValueError) as error:
        return Heard(False, why=f"{address}: {error}")
    try:
        said = json.loads(line)
        decision, mac, parts = said["decision"], str(said["mac"]), _parts(said)
        heard = Heard(True, decision if decision in DECISIONS else None, "", int(said["term"]), str(said["lead"]), said["whole"] is True)
    except (ValueError, KeyError, TypeError):
        return Heard(False, why=f"{address}: no answer of a lead" if line else f"{address}: it does not take the question")
    if not same(_mac(key, ["answer", do, deployment, member, nonce, *parts]).encode(), mac.encode("utf-8", "replace")):
        return Heard(False, why=f"{address}: the answer is not from the lead of {deployment}")
    return heard


def _read_line(connection: sockets.socket, until: float) -> bytes:
    said = b""
    while b"\n" not in said and len(said) <= LINE_BYTES:
        left = until - time.monotonic()
        if left <= 0:
            raise OSError("no answer in time")
        connection.settimeout(left)
        part = connection.recv(LINE_BYTES)
        if not part:
            break
        said += part
    return said.partition(b"\n")[0]


def _mac(key: str, parts: Sequence[Optional[str]]) -> str:
    return mac_of(key.encode(), json.dumps(list(parts), ensure_ascii=True, separators=(",", ":")).encode())

"""What firewalls of this machine say in; out, a note for each that seems to close the ports of the web. Nothing of them is changed."""

from __future__ import annotations

import re
from typing import List

from shipway_agent.errors import AgentError
from shipway_agent.machine import programs
from shipway_agent.machine.done import NOTE, Done

THING = "firewall"
PORTS = (80, 443)
SERVICES = {80: "http", 443: "https"}
_CHAIN = re.compile(r"chain \S+ \{[^{}]*hook input[^{}]*policy drop;(?P<rules>(?:[^{}]|\{[^{}]*\})*)\}")


def notes() -> List[Done]:
    """One note at most for each firewall that is there; none where nothing seems closed."""
    ufw, firewalld = _said("ufw", "status", "verbose"), _said("firewall-cmd", "--state")
    if "Status: active" in ufw:
        return _note("ufw", closed_by_ufw(ufw), "ufw allow {}/tcp")
    if firewalld.strip() == "running":
        closed = [port for port in PORTS if not _open_in_firewalld(port)]
        return _note("firewalld", closed, "firewall-cmd --permanent --add-port={}/tcp && firewall-cmd --reload")
    return _note("nftables", closed_by_nft(_said("nft", "list", "ruleset")), "")


def closed_by_ufw(status: str) -> List[int]:
    """Ports of PORTS that no rule of `ufw status verbose` allows, none where all that comes in is allowed. Pure."""
    if re.search(r"^Default: allow \(incoming\)", status, re.MULTILINE):
        return []
    allowed = [line for line in status.splitlines() if re.search(r"\bALLOW\b", line)]
    named = {80: r"WWW(?! Secure)|Nginx (Full|HTTP)\b|Apache( Full)?\b", 443: r"WWW (Full|Secure)|Nginx (Full|HTTPS)|Apache (Full|Secure)"}
    return [port for port in PORTS if not any(re.match(rf"(\S*,)?{port}(,\S*)?(/tcp)?\s|{named[port]}", line) for line in allowed)]


def closed_by_nft(ruleset: str) -> List[int]:
    """Ports of PORTS that a chain which drops what comes in seems not to accept. Pure."""
    closed = set()
    for chain in _CHAIN.finditer(ruleset):
        accepted = [line for line in chain["rules"].splitlines() if re.search(r"\baccept\b|\bjump\b|\bgoto\b", line) and "dport" in line]
        closed |= {port for port in PORTS if not any(re.search(rf"\b{port}\b|\b{SERVICES[port]}\b", line) for line in accepted)}
    return sorted(closed)


def _open_in_firewalld(port: int) -> bool:
    asked = ([f"--query-port={port}/tcp"], [f"--query-service={SERVICES[port]}"])
    return any(_said("firewall-cmd", *words).strip() == "yes" for words in asked)


def _said(name: str, *words: str) -> str:
    """The output of a program of the system, "" where it is not there or fails."""
    path = programs.find(name)
    if path is None:
        return ""
    try:
        return programs.run([path, *words], timeout_seconds=10.0)
    except AgentError:
        return ""


def _note(name: str, closed: List[int], command: str) -> List[Done]:
    if not closed:
        return []
    ports = " and ".join(map(str, closed))
    next = "; ".join(command.format(port) for port in closed) if command else "accept them in its rules"
    return [Done(THING, NOTE, f"{name} seems to close {ports} from outside, and is left as it is", next)]

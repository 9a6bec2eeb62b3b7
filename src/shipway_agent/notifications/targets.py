"""A URL, a server or an address in; out, its parts, or the sentence that says why it may not be a target. No value is in any sentence."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, List, Mapping, NamedTuple, Optional, Tuple, Union
from urllib.parse import SplitResult, urlsplit

from shipway_agent.notifications.kept import ALWAYS, COMMAND, EMAIL, WEBHOOK
from shipway_agent.notifications.moments import FAILURE, SUCCESS

OCCASIONS = (FAILURE, SUCCESS, ALWAYS)

LONGEST = 2000
"""Characters of a URL."""

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_BOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@" + rf"{_LABEL}(\.{_LABEL})*")
_USER = re.compile(r"[A-Za-z0-9.!#$%&'*+=?^_`{|}~@-]{1,254}")
_PORTS = {"https": 443, "http": 80, "smtp": 587, "smtps": 465}

METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
"""Where clouds answer a machine about itself, outside the link-local addresses."""

_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"))


class Place(NamedTuple):
    """Where to connect, and how: `scheme` is https, http, smtp or smtps; `path` with its query; `user` of a server."""

    scheme: str
    host: str
    port: int
    path: str = "/"
    user: str = ""


def url(text: object) -> Place:
    """The parts of a webhook's URL. Raises ValueError: why it may not be one."""
    parts = _split(text)
    if parts.scheme not in ("https", "http"):
        raise ValueError("should begin with https://")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("may hold no user and no #")
    host, port = _host_and_port(parts)
    place = Place(parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    if place.scheme == "http" and not is_loopback(place.host):
        raise ValueError("should begin with https://: without it only the host itself may be told (http://127.0.0.1)")
    return place


def server(text: object) -> Place:
    """The parts of `smtp://USER@HOST:PORT`. Raises ValueError: why it may not be one."""
    parts = _split(text)
    if parts.scheme not in ("smtp", "smtps"):
        raise ValueError("should begin with smtp:// (STARTTLS) or smtps://")
    user, at, _ = parts.netloc.rpartition("@")
    if ":" in user:
        raise ValueError('may hold no password: write password = { env = "NAME" } beside it')
    if at and not _USER.fullmatch(user):
        raise ValueError("has a user with characters that are not allowed")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("should end behind its host and port")
    host, port = _host_and_port(parts)
    return Place(parts.scheme, host, port, user=user)


def box(text: object) -> str:
    """An e-mail address without a name around it. Raises ValueError without words."""
    if not isinstance(text, str) or len(text) > 254 or not _BOX.fullmatch(text):
        raise ValueError
    return text


def is_loopback(host: str) -> bool:
    """Whether a host's name says that it is the machine itself."""
    found = literal(host)
    return found.is_loopback if found is not None else host.rstrip(".").lower() == "localhost"


def literal(host: str) -> Optional[Address]:
    """The address, where the host is written as one; what an IPv6 address stands for in IPv4 is looked through."""
    try:
        found: Address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in _TRANSLATED[0]:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        return inner or found
    return found


def why_not(address: Address) -> Optional[str]:
    """Why nothing is ever sent to this address, None where it may be: it would reach the machine's own keepers, or nobody at all."""
    if address.is_link_local or address in METADATA:
        return "may not be a link-local address or one where a cloud answers a machine about itself"
    if address.is_unspecified or address.is_multicast or (address.is_reserved and not address.is_loopback):
        return "should be the address of one machine"
    return None


def faults(target: Mapping[str, Any]) -> List[str]:
    """What is wrong with a target as it came over the channel; the host believes nobody."""
    found: List[str] = []
    kind = target.get("kind")
    occasions = target.get("on")
    if not isinstance(occasions, list) or not occasions or any(one not in OCCASIONS for one in occasions):
        found.append(f"on should list some of {', '.join(OCCASIONS)}")
    try:
        if kind == WEBHOOK:
            url(target.get("url"))
        elif kind == EMAIL:
            found += _email_faults(target)
        elif kind == COMMAND:
            run = target.get("run")
            if not (isinstance(run, str) and run.strip()) and not (isinstance(run, list) and run and all(isinstance(i, str) for i in run)):
                found.append("run should be a command")
        else:
            found.append(f"kind should be {WEBHOOK}, {EMAIL} or {COMMAND}")
    except ValueError as fault:
        found.append(str(fault))
    return found


def _email_faults(target: Mapping[str, Any]) -> List[str]:
    place = server(target.get("server"))
    password = target.get("password")
    found: List[str] = []
    if bool(place.user) != bool(password):
        found.append("a user and a password belong together")
    if password is not None and (not isinstance(password, str) or "\0" in password):
        found.append("password should be text")
    to = target.get("to")
    try:
        for one in [target.get("sender"), *(to if isinstance(to, list) else [None])]:
            box(one)
    except ValueError:
        found.append("to and sender should be e-mail addresses")
    if not to:
        found.append("to should be a list of at least one")
    return found


def _split(text: object) -> SplitResult:
    if not isinstance(text, str) or not text:
        raise ValueError("should be text")
    if len(text) > LONGEST:
        raise ValueError(f"should be at most {LONGEST} characters long")
    if not re.fullmatch(r"[!-~]+", text) or "\\" in text:
        raise ValueError("should hold only printable ASCII characters, no white space and no backslash")
    try:
        return urlsplit(text)
    except ValueError:
        raise ValueError("should be a URL") from None


def _host_and_port(parts: SplitResult) -> Tuple[str, int]:
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("should have a port from 1 to 65535") from None
    if port == 0:
        raise ValueError("should have a port from 1 to 65535")
    found = literal(host)
    if found is None and not (_HOST.fullmatch(host) and len(host) <= 253):
        raise ValueError("should name a host")
    if "%" in host:
        raise ValueError("may not name a network card")
    refused = why_not(found) if found is not None else None
    if refused:
        raise ValueError(refused)
    return host, port or _PORTS[parts.scheme]

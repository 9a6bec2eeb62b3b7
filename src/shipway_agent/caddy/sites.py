"""A site as the operator sends it in; out, the sites that a proxy keeps, one file each, so that applications do not touch each other's.

A site has doors: where it takes requests, and by which routes. Until a deployment is decided the old doors stay open beside the new ones,
for a domain that goes must answer until nobody can go back.
"""

from __future__ import annotations

import os

from shipway_agent import json_text as json
from shipway_agent.blake import blake2b
from shipway_agent.caddy.certificates import ACME, Tls
from shipway_agent.errors import AgentError
from shipway_agent.record import asdict, dataclass, replace
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple

FOLDER = "sites"
SUFFIX = ".json"

ROOT = "{SHIPWAY_ROOT}"
PROBE = "{SHIPWAY_PROBE}"
"""Placeholders of the operator's routes, filled in here."""

HTTPS = 443

EVERYBODY = ""
"""Stands for the domain of a route that takes every request."""

LETTERS, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "0123456789"
OF_ID = f"{LETTERS}{DIGITS}._-"
OF_HOST = f"{LETTERS}{DIGITS}.-"
OF_IPV6 = "0123456789ABCDEFabcdef:."
LONGEST_ID = 128


@dataclass(frozen=True)
class Door:
    """Where requests come in ("127.0.0.1:8081", ":8080"), and the routes they take there, in Caddy's JSON with nothing left to fill in.

    `tls` says who gives the certificates of its names; None for a door of plain HTTP.
    """

    listen: str
    routes: Sequence[Mapping[str, Any]]
    tls: Optional[Tls] = None

    def domains(self) -> FrozenSet[str]:
        """The names it answers to, EVERYBODY among them where a route asks for none."""
        found: Set[str] = set()
        for route in self.routes:
            for matcher in route.get("match") or [{}]:
                found.update(name.lower() for name in matcher.get("host") or [EVERYBODY])
        return frozenset(found)


@dataclass(frozen=True)
class Site:
    """What a proxy keeps of one application. `digest` names the routes as they were sent; the newest door comes first."""

    id: str
    root: str
    digest: str
    doors: Tuple[Door, ...]

    @property
    def listen(self) -> str:
        return self.doors[0].listen


def wanted(sent: Mapping[str, Any], listen: str, root: str, token: str) -> Site:
    """The site that the operator sent, filled in for this host. Raises AgentError: `site`, `listen`, `root`."""
    name = str(sent["id"])
    _check_name(name)
    check_listen(listen)
    check_path(root)
    texts = {ROOT: root, PROBE: token}
    tls, plain = sent.get("tls"), sent.get("plain")
    doors = [Door(listen, _fill(list(sent["routes"]), texts), tls)]
    if plain is not None:
        check_listen(str(plain["listen"]))
        doors.append(Door(str(plain["listen"]), _fill(list(plain["routes"]), texts)))
    return Site(name, root, digest_of(sent["routes"] if tls is None else [sent["routes"], tls, plain]), tuple(doors))


def beside(before: Optional[Site], after: Site, decided: bool) -> Site:
    """The site to serve from now on: `after`, and until the decision also the doors that stood open before."""
    if before is None or decided:
        return after
    return replace(after, doors=(*after.doors, *(door for door in before.doors if door not in after.doors)))


def check_free(site: Site, others: Sequence[Site], before: Optional[Site]) -> None:
    """Raises AgentError `site-taken` when requests for this site would go to another one, or another root has the site."""
    if before is not None and before.root != site.root and os.path.lexists(f"{before.root}/current"):
        message = f"the site {site.id} of this proxy belongs to {before.root}, not to {site.root}; give one of them another environment"
        raise AgentError("site-taken", message, site=site.id, root=before.root)
    for other in others:
        for theirs in other.doors:
            for ours in site.doors:
                both = theirs.domains() & ours.domains() if theirs.listen == ours.listen else frozenset()
                if both:
                    what = "requests without a domain of their own" if EVERYBODY in both else f"requests for {', '.join(sorted(both))}"
                    message = f"{what} at {ours.listen} go to {other.id} already; give {site.id} domains or a listen address of its own"
                    raise AgentError("site-taken", message, site=other.id, root=other.root, domains=sorted(both))


def read(proxy: Root) -> List[Site]:
    """All sites of a proxy, by name. Raises AgentError `damaged` for a file that is not one of ours."""
    return [_read(proxy, name) for name in proxy.names(FOLDER) if name.endswith(SUFFIX)]


def write(proxy: Root, site: Site) -> None:
    """Keep a site, durable when it returns."""
    proxy.at(FOLDER, create=True, mode=0o700).close()
    proxy.write(f"{FOLDER}/{site.id}{SUFFIX}", json.dumps(asdict(site), sort_keys=True, indent=1).encode() + b"\n")


def forget(proxy: Root, name: str) -> bool:
    """Remove a site; False where it was not kept."""
    _check_name(name)
    return proxy.stat(FOLDER) is not None and proxy.unlink(f"{FOLDER}/{name}{SUFFIX}")


def digest_of(routes: Any) -> str:
    """The name of routes as they were sent: a proxy that has it serves exactly these."""
    text = json.dumps(routes, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=32).hexdigest()


def check_listen(listen: str) -> Tuple[str, int]:
    """Host ("" for every interface) and port of an address to listen at. Raises AgentError `listen`."""
    host, colon, port = listen.rpartition(":")
    inside = host[1:-1] if host[:1] == "[" and host[-1:] == "]" else ""
    is_host = not (inside.strip(OF_IPV6) if inside else host.strip(OF_HOST))
    if not colon or not is_host or not port or len(port) > 5 or port.strip(DIGITS) or not 0 < int(port) < 65536:
        raise AgentError("listen", f"{listen!r} is no address to listen at; write 127.0.0.1:8080, [::1]:8080 or :8080 for every interface")
    return inside or host, int(port)


def check_path(path: str) -> None:
    """Raises AgentError `root` for a path that Caddy would not take literally."""
    unfit = next((letter for letter in path if letter < " " or letter in "\x7f{}*?[]\\" or "\ud800" <= letter <= "\udfff"), None)
    if unfit is not None:
        shown, what = (text.encode("utf-8", "backslashreplace").decode() for text in (path, unfit))
        message = f"the path {shown!r} has {what!r} in it, which the proxy would not take literally; give the host another root"
        raise AgentError("root", message, path=shown)


def _check_name(name: str) -> None:
    if not 0 < len(name) <= LONGEST_ID or name.strip(OF_ID) or name[0] in "._-":
        raise AgentError("site", f"{name!r} cannot be the name of a site")


def _read(proxy: Root, name: str) -> Site:
    data = proxy.read(f"{FOLDER}/{name}")
    try:
        value = json.loads(data)
        doors = tuple(_door(door) for door in value["doors"])
        site = Site(str(value["id"]), str(value["root"]), str(value["digest"]), doors)
        if not doors or f"{site.id}{SUFFIX}" != name:
            raise ValueError("no doors, or another name")
    except (ValueError, KeyError, TypeError) as error:
        path = proxy.full(f"{FOLDER}/{name}")
        raise AgentError("damaged", f"{path} does not hold what was written there: {error}", path=path) from None
    return site


def _door(value: Mapping[str, Any]) -> Door:
    door = Door(str(value["listen"]), list(value["routes"]), value.get("tls"))
    # Written before a site could say: names at port 443 had certificates of Let's Encrypt.
    legacy = "tls" not in value and check_listen(door.listen)[1] == HTTPS and bool(door.domains() - {EVERYBODY})
    return replace(door, tls=ACME) if legacy else door


def _fill(value: Any, texts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for placeholder, text in texts.items():
            value = value.replace(placeholder, text)
        return value
    if isinstance(value, list):
        return [_fill(inner, texts) for inner in value]
    if isinstance(value, dict):
        filled: Dict[str, Any] = {name: _fill(inner, texts) for name, inner in value.items()}
        return filled
    return value

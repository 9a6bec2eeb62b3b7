"""A site in, requests for it answered out: one Caddy for all applications of a user on a host, each with a file of its own in `sites/`.

Caddy is given a new configuration only when topology changes: a domain, an address to listen at, another application. A switch never
touches it.
"""

from __future__ import annotations

import os
import time

from shipway_agent import json_text as json
from shipway_agent import probes, supervisor
from shipway_agent.apply import poke
from shipway_agent.caddy import admin, config, ports, process, sites, token
from shipway_agent.caddy.certificates import ROOTS, roots_of
from shipway_agent.caddy.sites import Site
from shipway_agent.errors import AgentError, Missing
from shipway_agent.journal import Journal
from shipway_agent.manifest import digest_of
from shipway_agent.primitives import Context
from shipway_agent.record import replace
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, List, Mapping, Optional

ASIDE = ".new-caddy.json"
LOOK_SECONDS = 0.05


def ensure(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Serve a site: {"changed", "reloaded", "listen", "running", "binary", "kept"}. Idempotent; a proxy that serves it so is left alone.

    `binary` is the digest of the Caddy to run where none runs yet; a running one is not replaced, for that would lose requests, unless
    `replace` is true. `decided` is true behind the decision: only then domains and addresses that the site no longer has are closed;
    until then they stay open and are named in `kept`. `reloaded` says that a running Caddy took over another topology.
    Raises AgentError: port-taken, site-taken, root, listen, port-reserved, no-blob, no-binary, proxy-refused, proxy-died.
    """
    with Root(context.proxy, create=True) as proxy, proxy.proxy_lock(), Journal(proxy) as journal:
        sites.check_path(proxy.path)
        process.settle(proxy, journal)
        known = {site.id: site for site in sites.read(proxy)}
        sent = sites.wanted(args["site"], str(args["listen"]), context.root.path, token.keep(proxy))
        before = known.pop(sent.id, None)
        site = sites.beside(before, sent, bool(args.get("decided")))
        sites.check_free(site, list(known.values()), before)
        binary = _binary(context, proxy, journal, args)
        served = _serve(replace(context, root=proxy), journal, [*known.values(), site], binary)
        if site != before:
            sites.write(proxy, site)
        return {**served, "listen": site.listen, "running": True, "binary": binary, "kept": _kept(site)}


def facts(path: str) -> Dict[str, Any]:
    """FACTS["proxy"] of the proxy at `path`: {"running", "binary", "listen", "sites"}."""
    try:
        with Root(path) as proxy, Journal(proxy) as journal:
            known = sites.read(proxy)
            return {
                "running": admin.config_of(proxy) is not None,
                "binary": process.binary_of(proxy, journal),
                "listen": known[0].listen if known else None,
                "sites": {site.id: site.digest for site in known},
            }
    except Missing:
        return {"running": False, "binary": None, "listen": None, "sites": {}}


def remove_site(path: str, name: str, timeout_seconds: float = 30.0) -> bool:
    """Serve a site no longer; False where it was not served. The last one takes Caddy and its daemon with it; the binary stays."""
    try:
        proxy = Root(path)
    except Missing:
        return False
    with proxy, proxy.proxy_lock(), Journal(proxy) as journal:
        known = {site.id: site for site in sites.read(proxy)}
        if name not in known:
            return False
        del known[name]
        process.settle(proxy, journal)
        if known:
            context = Context(proxy, path, journal, "", 0, "", time.monotonic() + timeout_seconds, emit=lambda _: None)
            _serve(context, journal, list(known.values()), process.binary_of(proxy, journal) or "")
        else:
            _end(proxy, time.monotonic() + timeout_seconds)
        return sites.forget(proxy, name)


def _kept(site: Site) -> List[str]:
    """Names and addresses that only older doors of a site answer to; "*" stands for every name that nobody else claims."""
    names = {name for door in site.doors for name in door.domains()} - site.doors[0].domains()
    return sorted(name or "*" for name in names) + sorted({door.listen for door in site.doors} - {site.listen})


def _binary(context: Context, proxy: Root, journal: Journal, args: Mapping[str, Any]) -> str:
    """The digest of the binary that is to run, in place."""
    wanted = digest_of(args["binary"]) if args.get("binary") else None
    current = process.binary_of(proxy, journal)
    if wanted is not None and (current is None or args.get("replace")):
        process.install(proxy, context.root, wanted)
        return wanted
    if current is None:
        raise AgentError("no-binary", "no Caddy is on this host yet, and none was sent with the deployment")
    return current


def _serve(context: Context, journal: Journal, all_sites: List[Site], binary: str) -> Dict[str, Any]:
    """Have Caddy serve exactly these sites. `context` is of the proxy's root."""
    proxy = context.root
    wanted = config.assemble(all_sites, admin.path_of(proxy), proxy.full(process.STORAGE), proxy.path)
    _keep_roots(proxy, all_sites)
    text = json.dumps(wanted, sort_keys=True, indent=1).encode() + b"\n"
    running = admin.config_of(proxy)
    right = process.binary_of(proxy, journal) == binary
    if running == wanted and right and _content(proxy, process.CONFIG) == text:
        supervisor.ensure(proxy)
        return {"changed": False, "reloaded": False}
    for listen in config.listens_of(wanted):
        if listen not in config.listens_of(running or {}):
            ports.check_bindable(listen)
    proxy.write(ASIDE, text)
    process.validate(proxy, binary, ASIDE)
    loaded = running is not None and running != wanted and right
    if loaded:
        admin.load(proxy, wanted)
    proxy.rename(ASIDE, process.CONFIG)
    _keep_running(context, journal, wanted, binary)
    return {"changed": True, "reloaded": loaded}


def _keep_running(context: Context, journal: Journal, wanted: Mapping[str, Any], binary: str) -> None:
    """Caddy runs this binary with this configuration, under the daemon of the proxy's root."""
    proxy = context.root
    if process.binary_of(proxy, journal) != binary:
        process.want(context, journal, binary)
    supervisor.ensure(proxy)
    poke(proxy, {"generation": journal.member().current})
    addresses = [ports.reachable(listen) for listen in config.listens_of(wanted)]
    while admin.config_of(proxy) != wanted or not all(probes.accepts(address) for address in addresses):
        if context.left(time.monotonic()) <= 0:
            raise AgentError("proxy-died", "Caddy does not run with its sites; this is what it said last", process.last_words(proxy, 20))
        time.sleep(LOOK_SECONDS)


def _keep_roots(proxy: Root, all_sites: List[Site]) -> None:
    """The certificates of authorities that the configuration names."""
    files = roots_of([door.tls for site in all_sites for door in site.doors if door.tls is not None])
    if files:
        proxy.at(ROOTS, create=True, mode=0o700).close()
    for name, content in files.items():
        if _content(proxy, f"{ROOTS}/{name}") != content:
            proxy.write(f"{ROOTS}/{name}", content)


def _end(proxy: Root, until: float) -> None:
    """Caddy and its daemon end, and nothing is left to start."""
    empty = config.assemble([], admin.path_of(proxy), proxy.full(process.STORAGE))
    proxy.write(process.CONFIG, json.dumps(empty, sort_keys=True, indent=1).encode() + b"\n")
    poke(proxy, {"end": True})
    while proxy.supervised():
        if time.monotonic() >= until:
            raise AgentError("stuck", f"the supervisor of {proxy.path} does not end", path=proxy.path)
        time.sleep(LOOK_SECONDS)


def _content(proxy: Root, name: str) -> Optional[bytes]:
    return proxy.read(name) if os.path.lexists(proxy.full(name)) else None

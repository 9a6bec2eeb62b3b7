"""Domains in, which of them have a certificate out: asked at the proxy as a visitor would, and why not in the proxy's own words."""

from __future__ import annotations

import json
import time

from shipway_agent import probes
from shipway_agent.caddy import process
from shipway_agent.caddy.ports import reachable
from shipway_agent.errors import Missing
from shipway_agent.primitives import Context
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, List, Mapping, Optional

LOOK_SECONDS = 0.2
ASK_SECONDS = 5.0
LAST_LINES = 200


def see(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Wait until the proxy has a certificate for each of `domains` at `listen`: {"lacking": [domains], "note"?}. At most `wait_seconds`,
    and no longer when the authority has said no to all that lack: the proxy asks again after a minute, then less often.

    It never fails a deployment: what serves does so with or without, and the proxy goes on trying.
    """
    address = reachable(str(args["listen"]))
    until = min(time.monotonic() + float(args["wait_seconds"]), context.until)
    lacking = [str(domain) for domain in args["domains"]]
    while True:
        lacking = [domain for domain in lacking if not has_certificate(address, domain)]
        if time.monotonic() >= until or all(_why(context.proxy, domain) for domain in lacking):
            break
        time.sleep(LOOK_SECONDS)
    if not lacking:
        return {"lacking": []}
    return {"lacking": lacking, "note": "; ".join(_sentence(domain, _why(context.proxy, domain)) for domain in lacking)}


def has_certificate(address: str, domain: str) -> bool:
    """Whether TLS comes about for that name."""
    try:
        probes.secured(probes.connect(address, ASK_SECONDS), domain).close()
    except OSError:
        return False
    return True


def _sentence(domain: str, why: Optional[str]) -> str:
    said = f": {why}" if why else ""
    return f"{domain} has no certificate yet, and visitors of https://{domain} see an error{said}. The proxy goes on trying by itself"


def _why(path: str, domain: str) -> Optional[str]:
    """What the issuer said last about it."""
    try:
        with Root(path) as proxy:
            lines = process.last_words(proxy, LAST_LINES)
    except Missing:
        return None
    found: List[str] = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("identifier") == domain and row.get("error"):
            found.append(probes.trim(str(row["error"])))
    return found[-1] if found else None

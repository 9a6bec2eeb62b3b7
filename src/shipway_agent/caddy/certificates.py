"""Who gives certificates for which names in, the part of Caddy's configuration that gets and renews them out. Pure."""

from __future__ import annotations

from shipway_agent import json_text as json
from shipway_agent.blake import blake2b
from shipway_agent.typed import Any, Dict, List, Mapping, Sequence, Set, Tuple

ROOTS = "roots"
"""Folder in the proxy's root: certificates of authorities that the host does not trust by itself."""

Tls = Mapping[str, Any]
"""{"issuer": "acme"|"internal", "directory": URL|"", "email": text|"", "authority": PEM|""}. Without a URL it is Let's Encrypt's."""

ACME: Tls = {"issuer": "acme", "directory": "", "email": "", "authority": ""}
"""What was meant before anything else could be said."""


def tls_app(wanted: Sequence[Tuple[Tls, Sequence[str]]], folder: str) -> Dict[str, Any]:
    """Caddy's app `tls`, and `pki` where the proxy is an authority itself; empty where nothing is wanted. `folder` holds ROOTS.

    One policy an issuer, names in order: the order of `wanted` does not matter.
    """
    by_issuer: Dict[str, Set[str]] = {}
    for tls, names in wanted:
        by_issuer.setdefault(json.dumps(_issuer(tls, folder), sort_keys=True), set()).update(names)
    if not by_issuer:
        return {}
    policies = [{"subjects": sorted(names), "issuers": [json.loads(issuer)]} for issuer, names in sorted(by_issuer.items())]
    names = sorted({name for found in by_issuer.values() for name in found})
    apps: Dict[str, Any] = {"tls": {"certificates": {"automate": names}, "automation": {"policies": policies}}}
    if any(tls["issuer"] == "internal" for tls, _ in wanted):
        # Caddy would ask sudo to trust its own root on the host, where nobody could answer.
        apps["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    return apps


def roots_of(wanted: Sequence[Tls]) -> Dict[str, bytes]:
    """The files below ROOTS that the configuration names, by name."""
    return {name_of(tls): str(tls["authority"]).encode() for tls in wanted if tls.get("authority")}


def name_of(tls: Tls) -> str:
    """The file of its authority."""
    return f"{blake2b(str(tls['authority']).encode(), digest_size=16).hexdigest()}.pem"


def _issuer(tls: Tls, folder: str) -> Dict[str, Any]:
    if tls["issuer"] == "internal":
        return {"module": "internal"}
    issuer: Dict[str, Any] = {"module": "acme"}
    said: List[Tuple[str, str]] = [("ca", "directory"), ("email", "email")]
    issuer.update({key: tls[name] for key, name in said if tls.get(name)})
    if tls.get("authority"):
        issuer["trusted_roots_pem_files"] = [f"{folder}/{ROOTS}/{name_of(tls)}"]
    return issuer

"""Sites in, the whole configuration of Caddy out. Pure."""

from __future__ import annotations

from shipway_agent.caddy.certificates import tls_app
from shipway_agent.caddy.sites import EVERYBODY, Door, Site
from shipway_agent.typed import Any, Dict, List, Mapping, Sequence

LONG = "1h"
"""How long requests that were under way at a reload may take to end; at the end of the process the daemon's drain time bounds them."""

NOBODY = {"handle": [{"handler": "static_response", "status_code": 404, "body": "there is no site of this name here\n"}]}
"""Without it Caddy answers 200 to names that nobody claims."""


def assemble(sites: Sequence[Site], admin: str, storage: str, folder: str = "") -> Dict[str, Any]:
    """The configuration that serves exactly these sites. `admin` is the path of the admin socket, `storage` a directory for certificates,
    `folder` the proxy's root.

    Nothing of it depends on a release. Sites with domains come before those that take every request.
    """
    listens = sorted({door.listen for site in sites for door in site.doors})
    secure = [(door.tls, sorted(door.domains() - {EVERYBODY})) for site in sites for door in site.doors if door.tls is not None]
    return {
        "admin": {"listen": f"unix/{admin}|0600", "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "storage": {"module": "file_system", "root": storage},
        "apps": {
            "http": {"grace_period": LONG, "servers": {listen: _server(sites, listen) for listen in listens}},
            **tls_app(secure, folder),
        },
    }


def listens_of(config: Mapping[str, Any]) -> List[str]:
    """The addresses that a configuration listens at."""
    servers = config.get("apps", {}).get("http", {}).get("servers", {})
    return sorted(listen for server in servers.values() for listen in server["listen"])


def _server(sites: Sequence[Site], listen: str) -> Dict[str, Any]:
    doors: List[Door] = [door for site in sorted(sites, key=lambda site: site.id) for door in site.doors if door.listen == listen]
    doors.sort(key=lambda door: EVERYBODY in door.domains())
    server: Dict[str, Any] = {
        "listen": [listen],
        "routes": [*(route for door in doors for route in door.routes), NOBODY],
        "read_header_timeout": "30s",
    }
    # What Caddy would do by itself (certificates, redirects, a listener more) is all said here instead.
    server["automatic_https"] = {"disable": True}
    if any(door.tls is not None for door in doors):
        server["tls_connection_policies"] = [{}]
        # HTTP/3 is another socket, over UDP: what a reload loses there nobody has measured.
        server["protocols"] = ["h1", "h2"]
    return server

"""A database's URL in; out, what PostgreSQL's own programs read in their environment. Nothing of it is ever an argument."""

from __future__ import annotations

from typing import Dict
from urllib.parse import parse_qsl, unquote, urlsplit

from shipway_agent.errors import AgentError

SCHEMES = ("postgres", "postgresql", "postgis", "pgsql")
"""What libraries write in front of `://`; behind a + may stand the name of one."""

SETTINGS = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
"""libpq's parameters by its variables (PostgreSQL 15, 34.15). Others in a URL are some library's own."""

CONNECT_SECONDS = "10"


def environment_of(url: str, *, what: str) -> Dict[str, str]:
    """PGHOST, PGDATABASE and so on. Raises AgentError `data-url` without showing the URL; `what` is whose it is."""
    try:
        parts = urlsplit(url)
        port, given = parts.port, dict(parse_qsl(parts.query, strict_parsing=False))
    except ValueError:
        raise AgentError("data-url", f"the URL of {what} cannot be read: postgres://USER:PASSWORD@HOST:PORT/DATABASE") from None
    if parts.scheme.partition("+")[0] not in SCHEMES:
        raise AgentError("data-url", f"the URL of {what} begins with {parts.scheme or 'nothing'}://, not with postgres://")
    if "\0" in unquote(url):
        raise AgentError("data-url", f"the URL of {what} holds a NUL character")
    found = {
        "PGHOST": unquote(parts.hostname or ""),
        "PGPORT": str(port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
        "PGCONNECT_TIMEOUT": CONNECT_SECONDS,
        **{SETTINGS[name]: value for name, value in given.items() if name in SETTINGS},
    }
    if not found["PGDATABASE"]:
        raise AgentError("data-url", f"the URL of {what} names no database: postgres://USER:PASSWORD@HOST:PORT/DATABASE")
    return {name: value for name, value in found.items() if value}

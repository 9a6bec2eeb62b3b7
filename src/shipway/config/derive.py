"""A process or host as written in, what follows from how it is written out: how it listens, what it is called."""

from __future__ import annotations

import re
from typing import Literal

from shipway.config.schema import Data, Document, Host, Migrations, Process

RUNS = {"django": "python manage.py", "alembic": "alembic"}
"""What runs a framework's own commands where nothing else is said."""

PATHS = {"sql": "migrations"}


def listens(name: str, process: Process) -> Literal["port", "socket"] | None:
    """How a process is reached: by a socket when its command names $SOCKET, else by a port when anything says that it is reached."""
    if _names("SOCKET", process):
        return "socket"
    if _names("PORT", process) or process.health is not None or name == "web":
        return "port"
    return None


def variable(data: Data, key: Literal["url", "admin_url"]) -> str:
    """The name of the variable with a database's URL; "" where there is none."""
    written: str | None = getattr(data, key)
    if written is None and key == "url" and data.driver == "postgres":
        return "DATABASE_URL"
    return (written or "").removeprefix("$")


def databases(document: Document) -> list[str]:
    """Names of the data that migrations can change."""
    return [name for name, data in document.data.items() if data.driver != "files"]


def migrated(migrations: Migrations, document: Document) -> str:
    """The name of the data that migrations change; "" where it is not clear."""
    there = databases(document)
    return migrations.data or (there[0] if len(there) == 1 else "")


def host_name(host: Host) -> str | None:
    """Its name, or the host part of its address; None when that part cannot serve as a name (an IPv6 address, for example)."""
    if host.name is not None:
        return host.name
    part = re.sub(r"^ssh://", "", host.address).rpartition("@")[2].split("/")[0]
    part = re.sub(r":\d+$", "", part).lower()
    return part if re.fullmatch(r"[a-z0-9]([a-z0-9-]|\.(?=[a-z0-9])){0,62}", part) else None


def _names(variable: str, process: Process) -> bool:
    words = [process.run] if isinstance(process.run, str) else process.run
    return any(re.search(rf"\$(?:{variable}\b|{{{variable}}})", word) for word in words)

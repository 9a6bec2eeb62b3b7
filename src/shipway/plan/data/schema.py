"""A host's answer about the schema of its data in, a Schema out; and which host is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.errors import HostError
from shipway.model.facts import HostFacts
from shipway.model.migration import Schema

UNKNOWN = Schema(known=False)
"""Of a database that nobody could be asked about."""


def read_schema(host: str, said: Mapping[str, Any]) -> Schema:
    """What the call `data` {"do": "schema"} answers. Raises HostError (code "facts") for what is not as docs/contracts.md says."""
    try:
        return Schema(
            applied=tuple(map(str, said["applied"])),
            open=str(said["open"]),
            sizes={str(table): int(size) for table, size in said["sizes"].items()},
            took={str(name): float(seconds) for name, seconds in said["took"].items()},
            left={int(number): tuple(left.get("known", ())) for number, left in said["generations"].items()},
            known=bool(said["known"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise HostError(host, "facts", f"what it says of its schema is not what was agreed: {error!r}") from None


def keeper_of_live(facts: Mapping[str, HostFacts]) -> str:
    """The host that runs the migrations of what serves, as that says itself; "" where it has none, or the host is not here."""
    rows = [row for fact in facts.values() if (row := (fact.live or {}).get("migrations"))]
    host = str(rows[0]["host"]) if rows else ""
    return host if host in facts else ""

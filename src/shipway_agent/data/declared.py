"""A generation on this host in, the data that it declares out: of which kind, where it is, and how its points are kept."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from shipway_agent.apply import pointed
from shipway_agent.errors import AgentError
from shipway_agent.folder import plain
from shipway_agent.primitives import generations
from shipway_agent.record import dataclass
from shipway_agent.root import Root
from shipway_agent.surroundings import defaults

KEYS = "AWS_"
"""What the names of variables begin with that stores of S3 are asked with."""


class Copies(NamedTuple):
    """Where copies of each point go, as it is written in shipway.toml, and how many stay there."""

    to: str
    keep: int


@dataclass(frozen=True)
class Declared:
    """`url`, `admin_url` and `keys` are secrets: the values. `path` is below `shared/`. `leave_out` names what points go without.

    `keep` counts points, `keep_days` their age, None for any. `environment` is what the programs of the database find beside their own,
    `keys` what stores of S3 are asked with. `folder` is where copies are in another place: no two applications or environments share one.
    """

    name: str
    driver: str
    host: str
    url: str = ""
    admin_url: str = ""
    path: str = ""
    leave_out: List[str] = []  # noqa: RUF012  # never written to
    keep: int = 5
    keep_days: Optional[float] = None
    timeout_seconds: float = 3600.0
    environment: Mapping[str, str] = {}
    copies: List[Copies] = []  # noqa: RUF012  # never written to
    keys: Mapping[str, str] = {}
    folder: str = ""


def declared(root: Root, name: str, generation: Optional[int] = None) -> Declared:
    """What a generation, by default the one that serves, says of the data `name`.

    Raises AgentError `no-generation`, `no-data`, `no-url`.
    """
    number = pointed(root) if generation is None else generation
    document = None if number is None else generations.read(root, number)
    if number is None or document is None:
        raise AgentError("no-generation", "nothing is current on this host, so nothing is declared here either", data=name)
    row = next((row for row in document.get("data", ()) if row["name"] == name), None)
    if row is None:
        known = ", ".join(str(row["name"]) for row in document.get("data", ())) or "none"
        raise AgentError("no-data", f"generation {number} declares no data {name!r}; it declares: {known}", data=name)
    env = generations.env_of(root, number)
    variables = {**env.get("common", {}), **env.get("data", {}).get(name, {})}
    return Declared(
        name=plain(name),
        driver=str(row["driver"]),
        host=str(row["host"]),
        url=_value(name, "url", row, variables),
        admin_url=_value(name, "admin_url", row, variables),
        path=str(row.get("path") or ""),
        leave_out=[str(one) for one in row.get("leave_out") or ()],
        keep=int(row["keep"]),
        keep_days=None if row.get("keep_days") is None else float(row["keep_days"]),
        timeout_seconds=float(row["timeout_seconds"]),
        environment=defaults(),
        copies=[Copies(str(one["to"]), int(one["keep"])) for one in row.get("copies") or ()],
        keys={name: str(value) for name, value in variables.items() if name.startswith(KEYS)},
        folder=f"{plain(str(document['app']))}/{plain(str(document['environment']))}/{plain(name)}" if row.get("copies") else "",
    )


def declared_names(root: Root, generation: Optional[int] = None) -> List[str]:
    """All data of the generation that serves, or of another."""
    number = pointed(root) if generation is None else generation
    document: Optional[Dict[str, Any]] = None if number is None else generations.read(root, number)
    return [str(row["name"]) for row in (document or {}).get("data", ())]


def _value(name: str, key: str, row: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    """What the variable holds that the row names."""
    variable = str(row.get(key) or "")
    if variable and variable not in variables:
        raise AgentError("no-url", f"the {key} of data {name} is in {variable}, and there is no such variable on this host", data=name)
    return str(variables[variable]) if variable else ""

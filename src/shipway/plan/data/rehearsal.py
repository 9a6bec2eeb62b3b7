"""What a revert would go back to in; out, which host can start it beside what serves, and of which data that needs copies.

It must not find what is live: so every database that it knows is copied, or it is not started.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from shipway.model.errors import Refused, WrongInput
from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Data, Intent
from shipway.plan.data.points import keeper
from shipway.plan.gates import UNTOUCHED
from shipway.plan.target import Target

FILES = "files"


def copied_for(intent: Intent, facts: Mapping[str, HostFacts], target: Target, points: Set[str] | None) -> tuple[str, tuple[Data, ...]]:
    """The host that starts the target, and the databases that are copied for it there.

    `points` names the data of which there are points to put back; None where each is copied as it is now. Raises WrongInput where no
    database is declared, Refused where the target would find one that is not copied.
    """
    name, number = intent.environment.name, target.number
    databases = {data.name: data for data in intent.environment.data if data.driver != FILES}
    if not databases:
        raise WrongInput(
            "shipway.toml declares no database that a copy could be made of",
            state="nothing was touched",
            hint=f"shipway revert {name} says what it would do",
            code="unknown-data",
        )
    keepers = {one: keeper(data, intent) for one, data in databases.items()}
    host = min((kept for kept in keepers.values() if kept in facts), default="")
    here = {one for one, kept in keepers.items() if host and kept == host}
    then = facts[host].generations.get(number, target.document) if host else target.document
    rows_then = _rows(then)
    variables = _variables(databases, rows_then, _rows(facts[host].live or {}) if host else {})
    variables_then = _variables_of(then)
    copied = {one: data for one, data in databases.items() if one in here and (points is None or one in points)}
    lacking = {*rows_then, *(one for one in databases if variables[one] in variables_then)} - {*copied}
    if pointless := sorted(lacking & here):
        raise Refused(
            f"there is no restore point of {', '.join(pointless)} from then, so generation {number} would be started with what is live",
            state=UNTOUCHED,
            hint=f"shipway data list {name} lists those that there are; without --hard copies are made of the data as it is now",
            code="no-point-then",
        )
    why = {one: _why_no_copy(keepers.get(one), host) for one in (lacking if host else {*rows_then, *databases})}
    reasons = {one: _why_not_found(data, rows_then, variables[one], variables_then) for one, data in copied.items()}
    why |= {one: reason for one, reason in reasons.items() if reason}
    if why:
        raise Refused(
            f"generation {number} would be started with live data: nobody can give it a copy of {', '.join(sorted(why))}",
            state=UNTOUCHED,
            hint=f"shipway revert {name} says what it would do",
            code="cannot-check",
            details=[f"{one}: {reason}" for one, reason in sorted(why.items())],
        )
    return host, tuple(copied.values())


def _variables(databases: Mapping[str, Data], then: Mapping[str, Json], now: Mapping[str, Json]) -> dict[str, str]:
    """The variable that says where each database is: as the target has it, else what serves, else shipway.toml."""
    urls = {one: (then.get(one) or now.get(one) or {"url": data.url}).get("url") for one, data in databases.items()}
    return {one: str(url or "") for one, url in urls.items()}


def _variables_of(document: Json) -> set[str]:
    """Names of all variables that its processes find, which is where it may know a database from."""
    places = [place for place in document.get("env_digests", ()) if not place.startswith(("data.", "task."))]
    return {place.rpartition(".")[2] for place in places}


def _rows(document: Json) -> dict[str, Json]:
    return {str(row["name"]): row for row in document.get("data", ()) if row["driver"] != FILES}


def _why_no_copy(kept: str | None, host: str) -> str:
    if kept is None:
        return "shipway.toml does not declare it any more"
    return f"its restore points are kept by {kept or 'nobody'}" + (f", and not by {host}" if host else "")


def _why_not_found(data: Data, rows: Mapping[str, Json], variable: str, variables_then: Set[str]) -> str:
    """Why the target would not find the copy, but whatever it found then; "" where it does, or was made before there was such data."""
    row = rows.get(data.name)
    if row is not None and row["driver"] != data.driver:
        return f"it was a database of {row['driver']} then"
    if data.driver != "postgres" or variable in variables_then or (row is None and rows):
        return ""
    return f"it has no variable {variable}, and what says where the database is nobody knows"

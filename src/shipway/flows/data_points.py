"""An intent in; out, which host keeps which of its data, what these hosts say of their restore points, and in words where one says no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import Failed, HostError, LinkLost, WrongInput
from shipway.model.intent import Data, Intent
from shipway.plan.data.points import GRACE_SECONDS, keeper
from shipway.reports.copies import places_of
from shipway.reports.data import Point, points_of

LIST_SECONDS = 60.0
KEPT = "nothing was changed, and the restore points that were there are there"


def keepers(intent: Intent, only: Iterable[str] = ()) -> dict[str, Data]:
    """The data that is meant, by its host and name ("a/main"). Raises WrongInput for a name that is declared nowhere, or kept by nobody."""
    name = intent.environment.name
    known = {data.name: data for data in intent.environment.data}
    if not known:
        raise WrongInput(
            "shipway.toml declares no data",
            state="nothing was touched",
            hint='[data.main] with driver = "postgres" declares a database; commit it and deploy',
            code="unknown-data",
        )
    strangers = [one for one in only if one not in known]
    if strangers:
        near = get_close_matches(strangers[0], known, n=1)
        raise WrongInput(
            f"no data is called {strangers[0]}" + (f"; the nearest is {near[0]}" if near else f"; there is {', '.join(known)}"),
            state="nothing was touched",
            hint=f"shipway data list {name} shows all",
            code="unknown-data",
        )
    hosts = {host.name for host in intent.environment.hosts}
    found = {f"{keeper(data, intent)}/{data.name}": data for data in known.values() if not only or data.name in set(only)}
    homeless = [data.name for place, data in found.items() if place.partition("/")[0] not in hosts]
    if homeless:
        raise WrongInput(
            f"no host of {name} has the roles of {', '.join(homeless)}",
            state="nothing was touched",
            hint="give a host one of its roles in shipway.toml, and deploy",
            code="unknown-data",
        )
    return found


def data_of(point: str, known: Iterable[Data]) -> Data | None:
    """The data that a point is of, by its name; `point` may be the data's name itself."""
    return next((data for data in known if point == data.name or point.rpartition("-")[0].rpartition("-")[0] == data.name), None)


async def ask(fleet: Fleet, tell: Tell, place: str, args: Mapping[str, Any], *, bound_seconds: float = LIST_SECONDS) -> dict[str, Any]:
    """One question about data to the host of "host/name"; what it says meanwhile is told. Raises HostError."""
    host = place.partition("/")[0]

    def heard(event: Mapping[str, Any]) -> None:
        if event.get("event") == "output":
            tell("output", host=host, key=str(event.get("key", "")), line=str(event.get("line", "")))

    return await fleet.call(host, "data", args, on_event=heard, timeout_seconds=bound_seconds + GRACE_SECONDS)


async def listed(fleet: Fleet, tell: Tell, hosts: Iterable[str]) -> dict[str, list[Point]]:
    """The points of these hosts, by data. Raises Refused where one cannot be asked."""
    return points_of(await lists(fleet, tell, hosts))


async def lists(fleet: Fleet, tell: Tell, hosts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What these hosts say of their points, and of copies elsewhere. Raises Refused where one cannot be asked."""
    answers = await fleet.each(lambda host: ask(fleet, tell, host, {"do": "list"}), hosts)
    if answers.errors:
        raise unreachable(answers.errors, fleet)
    return answers.answers


def no(error: HostError, what: str, hint: str) -> Failed:
    """A host that tried and could not."""
    lost = isinstance(error, LinkLost)
    message = f"{what}: {error.host}: {error.message}"
    return Failed(
        message,
        state="what is unfinished is never listed, and is taken away by the next one" if lost else KEPT,
        hint=hint,
        code=error.code,
        details=error.lines,
    )


def meant(wanted: str, said: Mapping[str, Mapping[str, Any]], environment: str) -> Point:
    """The point of that name, or the newest of the data of that name, among what hosts said. Raises WrongInput."""
    points = points_of(said)
    everything = [point for some in points.values() for point in some]
    exact = [point for point in everything if point.point == wanted]
    found = exact or [point for point in points.get(wanted, ()) if not point.damaged][-1:]
    if not found:
        known = f"there is {', '.join(point.point for point in everything[-5:])}" if everything else "there is none yet"
        elsewhere = [place.to for place in places_of(said) if wanted in place.points or (wanted == place.data and place.points)]
        fetch = f"shipway data fetch {environment} {wanted} brings it back from {elsewhere[0]}" if elsewhere else ""
        raise WrongInput(
            f"no restore point is called {wanted} on a host; {known}",
            state="nothing was touched",
            hint=fetch or f"shipway data list {environment} shows all of them",
            code="unknown-point",
        )
    return found[0]

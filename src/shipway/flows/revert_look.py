"""An intent and a person's word for an earlier state in; out, what hosts say of it: schema, restore points, and what these would lose."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.execute.ask import Facts, next_number
from shipway.execute.fleet import Fleet
from shipway.flows.attempt import Attempt
from shipway.flows.data_points import ask, listed
from shipway.flows.migrating import ask_schema
from shipway.flows.moment import moment
from shipway.flows.reach import reach, typed
from shipway.flows.reading import is_quiet, read
from shipway.flows.revert_report import Undone
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import AGAIN, HostError, Refused
from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Intent
from shipway.plan.activation import lead_of
from shipway.plan.data.between import Between, between
from shipway.plan.data.course import Aim, aim, points_of
from shipway.plan.data.points import keeper
from shipway.plan.gates import UNTOUCHED
from shipway.plan.revert import HOLD_SECONDS, Course, cannot_hold, touched
from shipway.reports.data import Loss, Point
from shipway.reports.revert import Told
from shipway_agent.record import dataclass, field, replace

COUNT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Looked:
    """What is there. `number` is that of the next deployment; a revert that gets another one was overtaken. `clock` is the lead's.

    `losses` are the points that belong to the target, by data, each with what is there now beside it. `unpointed` are data without one.
    """

    facts: Mapping[str, HostFacts]
    number: int
    clock: float
    aim: Aim
    live: int
    between: Between | None = None
    open: str = ""
    losses: Mapping[str, tuple[Point, Loss]] = field(default_factory=dict)
    unpointed: tuple[str, ...] = ()
    cannot_hold: str = ""
    hold_seconds: int = HOLD_SECONDS

    def course(self, *, hard: bool, command: str = "") -> Course:
        """What a revert does then."""
        points = {name: {"point": point.point, "host": point.host} for name, (point, _) in self.losses.items()} if hard else {}
        return Course(self.aim, self.live, self.between, points, command)

    def told(self, intent: Intent, *, hard: bool) -> Told:
        """The same in the form in which it is told."""
        document, found = self.aim.target.document, self.between or Between(self.live)
        course = self.course(hard=hard)
        waits = cannot_hold(intent, touched(intent, self.facts, course))
        return Told(
            environment=intent.environment.name,
            version=str(document.get("version", "")),
            generation=self.aim.target.number,
            commit=str(document.get("commit", "")),
            made=float(document["made"]),
            at=self.aim.at,
            hard=hard,
            back=found.back,
            code=found.code,
            stays=found.stays,
            forward=found.forward,
            known=found.known,
            losses=tuple(self.losses.values()),
            unpointed=self.unpointed,
            changes_data=course.changes_data,
            hold_seconds=self.hold_seconds if waits is None else None,
            cannot_hold=waits or "",
        )


async def looked_at(intent: Intent, words: str, undone: Undone | None, trying: Attempt) -> Looked:
    """Ask every host once. Raises Refused for a target that is none, where nothing serves, and where a host cannot be asked."""
    async with reach(intent, trying.say) as fleet:
        raw = await read(fleet)
        refuse_unsettled(raw, intent.environment.name)
        facts = typed(raw)
        lead = lead_of(intent.environment.hosts).name
        live, clock = facts[lead].live, facts[lead].hello.clock
        if live is None:
            raise Refused(
                f"nothing is current in {intent.environment.name}",
                state=UNTOUCHED,
                hint=f"shipway deploy {intent.environment.name}",
                code="nothing-current",
            )
        aimed = aim(intent.environment.name, facts, words, moment(words, clock))
        if undone is not None:
            aimed = replace(aimed, replaced=undone.after)
        try:
            return await _asked(fleet, intent, trying, Looked(facts, next_number(raw), clock, aimed, int(live["number"])))
        except HostError as error:
            raise unreachable({error.host: error}, fleet) from error


def refuse_unsettled(facts: Mapping[str, Facts], environment: str) -> None:
    """What an open deployment does to the data yet nobody knows: a plan that was made now would be of another schema. Raises Refused."""
    if not is_quiet(facts):
        raise Refused(
            f"an earlier deployment of {environment} is not settled yet, and may still change its data",
            state=UNTOUCHED,
            hint=f"shipway resume {environment} settles it; then {AGAIN}",
            code="not-settled-yet",
        )


async def _asked(fleet: Fleet, intent: Intent, trying: Attempt, found: Looked) -> Looked:
    schema = await ask_schema(fleet, found.facts) or {}
    data = {one.name: keeper(one, intent) for one in intent.environment.data}
    points = await listed(fleet, trying.tell, sorted({host for host in data.values() if host in fleet.names})) if data else {}
    rows = {name: [_row(point) for point in points.get(name, ())] for name in data}
    chosen = points_of(found.aim, rows)
    losses: dict[str, tuple[Point, Loss]] = {}
    for name, row_of in chosen.items():
        point = next(point for point in points[name] if point.point == row_of["point"])
        question = {"do": "compare", "point": point.point}
        losses[name] = (point, Loss.of(await ask(fleet, trying.tell, point.host, question, bound_seconds=COUNT_SECONDS)))
    kept = [one for one in intent.environment.data if one.name in losses]
    return replace(
        found,
        between=between(schema, found.live, found.aim.target.number) if schema.get("known") else None,
        open=str(schema.get("open") or ""),
        losses=losses,
        unpointed=tuple(name for name in data if name not in losses),
        cannot_hold=cannot_hold(intent, kept) or "",
        hold_seconds=intent.shipment.migrations.hold_seconds if intent.shipment.migrations is not None else HOLD_SECONDS,
    )


def _row(point: Point) -> Json:
    """As the planner reads it."""
    return {"point": point.point, "at": point.at, "for": point.before, "damaged": point.damaged}

"""Intent, facts and a Course in; out, the Plan that makes an earlier state current again: code, configuration, schema, data.

It is a rollback with the data's steps in its activate phase: requests wait, a restore point, then migrations taken back or a restore point
put in place, then the switch. So it is whole: what fails on the way leaves the new code with the new schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Data, Intent, Migrations
from shipway.model.plan import Plan, Step, Wave
from shipway.plan.data.between import EXPAND, Between
from shipway.plan.data.course import Aim
from shipway.plan.data.hold import hold_wave, holding
from shipway.plan.data.migrations import migrations_look, migrations_reverse, migrations_run
from shipway.plan.data.phases import gone_seconds, why_contract_waits
from shipway.plan.data.points import GRACE_SECONDS, data_again, keeper, point_behind, point_take
from shipway.plan.gates import UNTOUCHED
from shipway.plan.held_back import held_back_after
from shipway.plan.rollback import plan_rollback
from shipway_agent.leftovers import REVERSES
from shipway_agent.record import dataclass, field, replace

HOLD_SECONDS = 60
"""How long a single request waits at most where nothing else is said."""

HELD, CONTRACT = "held", "contract"


@dataclass(frozen=True, slots=True)
class Course:
    """What a revert does. `live` is the generation that serves; `between` is None where its release has no migrations.

    `points` are put in place, by data: none for a revert that leaves the data. `command` is what was typed.
    """

    aim: Aim
    live: int
    between: Between | None = None
    points: Mapping[str, Json] = field(default_factory=dict)
    command: str = ""

    @property
    def hard(self) -> bool:
        return bool(self.points)

    @property
    def changes_data(self) -> bool:
        """Whether anything but code and configuration is touched."""
        return self.hard or bool(self.between and (self.between.back or self.between.forward))

    @property
    def what(self) -> str:
        """It in a few words, for the history."""
        document = self.aim.target.document
        how = "with data" if self.hard else "schema too" if self.changes_data else "code and configuration"
        return f"revert to {document.get('version', '')} (generation {self.aim.target.number}), {how}"


def plan_revert(
    intent: Intent,
    facts: Mapping[str, HostFacts],
    course: Course,
    *,
    deployment: str,
    who: str,
    number: int,
    peer_key: str,
) -> Plan:
    """A new generation `number` that copies the target, and the data as it was then. Nothing to do where all is so already.

    Raises Refused as plan_rollback does, where the target does not say where the data is, and where other data come back than the schema.
    """
    target = course.aim.target.number
    _refuse_half(intent, facts, course)
    plan = plan_rollback(
        intent,
        facts,
        str(target),
        deployment=deployment,
        who=who,
        number=number,
        caddies={},
        peer_key=peer_key,
        kind="revert",
        again=course.changes_data,
        keys=_keys(facts, course, who),
    )
    plan = replace(plan, document={**plan.document, "what": course.what, "command": course.command})
    if plan.nothing_to_do or not course.changes_data:
        return plan
    documents = {host.name: facts[host.name].generations[target] for host in intent.environment.hosts}
    _refuse_unsaid(intent, touched(intent, facts, course), documents, target)
    activate = _activate(intent, facts, course, documents, number)
    prepare, *rest = plan.waves
    plan = replace(plan, waves=(_looking(prepare, course, facts, number), *activate, *rest))
    plan = _with_contract(plan, intent, facts, course)
    return holding(plan, facts) if cannot_hold(intent, touched(intent, facts, course)) is None else plan


def touched(intent: Intent, facts: Mapping[str, HostFacts], course: Course) -> tuple[Data, ...]:
    """The data that is changed: of each a restore point is taken right before."""
    row = _row(facts, course)
    names = {*course.points, *([str(row["data"])] if row is not None and not course.hard else [])}
    return tuple(data for data in intent.environment.data if data.name in names) if course.changes_data else ()


def cannot_hold(intent: Intent, data: Sequence[Data]) -> str | None:
    """Why requests cannot wait meanwhile, None where they can: who puts data back must be who decides, which is the lead."""
    lead = min(host.name for host in intent.environment.hosts)
    for one in data:
        host = keeper(one, intent)
        if host != lead:
            return f"the restore points of {one.name} are kept by {host or 'nobody'}, and {lead} leads"
    return None


def _refuse_half(intent: Intent, facts: Mapping[str, HostFacts], course: Course) -> None:
    """With data no migration is taken back, since the point has the schema of then: so there must be one, or nothing to take back."""
    row, between, number = _row(facts, course), course.between, course.aim.target.number
    if row is None or not course.hard or row["data"] in course.points:
        return
    known = between is not None and between.known
    if between is not None and known and not (between.back or between.forward):
        return
    is_other = f"is not the one that generation {number} left" if known else f"may not be the one that generation {number} left"
    raise Refused(
        f"there is no restore point of {row['data']} from then, and its schema {is_other}: the code of then would serve on it",
        state=UNTOUCHED,
        hint=f"shipway data list {intent.environment.name} lists those that there are; without --hard only code and schema go back",
        code="no-point-then",
    )


def _refuse_unsaid(intent: Intent, data: Sequence[Data], documents: Mapping[str, Json], target: int) -> None:
    """The new generation has the target's environment: where that does not say where the data is, nobody can bring it back on failure."""
    known = {str(row["name"]) for row in data_again(intent, documents).get("data", ())}
    unsaid = [one for one in data if one.name not in known]
    if unsaid:
        commit = str(documents[min(documents)].get("commit", ""))[:12]
        raise Refused(
            f"generation {target} has no variable {unsaid[0].url}, which says where {unsaid[0].name} is",
            state=UNTOUCHED,
            hint=f"shipway deploy {intent.environment.name} --ref {commit} brings that commit with the environment of now",
            code="target-lacking",
        )


def _activate(intent: Intent, facts: Mapping[str, HostFacts], course: Course, documents: Mapping[str, Json], number: int) -> list[Wave]:
    changed = touched(intent, facts, course)
    declared = intent.shipment.migrations
    seconds = declared.hold_seconds if declared is not None else HOLD_SECONDS
    held = cannot_hold(intent, changed) is None
    points: dict[str, list[Step]] = {}
    spare = [str(point["point"]) for point in course.points.values()]
    for data in changed:
        points.setdefault(keeper(data, intent), []).append(point_take(data, number, spare=spare))
    names = ", ".join(data.name for data in changed)
    waves = [hold_wave(documents, seconds)] if held else []
    waves.append(Wave(f"restore points of {names}", "activate", {host: tuple(todo) for host, todo in points.items()}))
    work: dict[str, list[Step]] = {}
    for data in changed:
        if data.name in course.points:
            work.setdefault(keeper(data, intent), []).append(_put_back(data, course.points[data.name], held=held))
    row, between = _row(facts, course), course.between
    if row is not None and between is not None and not course.hard:
        migrations = _declared(row)
        todo = work.setdefault(str(row["host"]), [])
        if between.back:
            todo.append(_with_hold(migrations_reverse(migrations, between.code, list(between.back)), held))
        if between.forward:
            todo.append(migrations_run(migrations, number, EXPAND, []))
            todo.append(migrations_run(migrations, number, HELD, list(between.forward) if held else []))
    return [*waves, Wave("data as it was", "activate", {host: tuple(todo) for host, todo in work.items()})]


def _looking(prepare: Wave, course: Course, facts: Mapping[str, HostFacts], number: int) -> Wave:
    """Where migrations are to run again, the target's own code says which are pending, right before its host votes."""
    row = _row(facts, course)
    if row is None or course.hard or course.between is None or not course.between.forward:
        return prepare
    host = str(row["host"])
    todo = list(prepare.steps[host])
    vote = next(number for number, step in enumerate(todo) if step.do == "member")
    todo.insert(vote, migrations_look(_declared(row), number))
    return replace(prepare, steps={**prepare.steps, host: tuple(todo)})


def _with_contract(plan: Plan, intent: Intent, facts: Mapping[str, HostFacts], course: Course) -> Plan:
    """Contract migrations that the target had run as after its deployment: behind the commit, or later by somebody's command."""
    row, between = _row(facts, course), course.between
    if row is None or between is None or course.hard:
        return plan
    names = [name for name in between.forward if between.phases.get(name) == CONTRACT]
    waits = why_contract_waits(intent)
    if not names:
        return plan
    if waits:
        note = f"{', '.join(names)} waits, for {waits}: shipway data migrate {intent.environment.name}"
        return replace(plan, notes=(*plan.notes, note))
    points = tuple(point_behind(data, plan.number) for data in touched(intent, facts, course))
    run = migrations_run(_declared(row), plan.number, CONTRACT, [])
    return replace(plan, after={str(row["host"]): (*points, run)}, gone_seconds=gone_seconds(facts))


def _put_back(data: Data, point: Json, *, held: bool) -> Step:
    name = str(point["point"])
    bound = data.timeout_seconds + GRACE_SECONDS
    return _with_hold(Step(f"restore:{name}", "data.restore", {"point": name}, f"put {name} in the place of what is there", bound), held)


def _with_hold(step: Step, held: bool) -> Step:
    """It tells the lead's record before it changes anything: from then on nothing is undone without the restore point."""
    return replace(step, args={**step.args, "held": True}) if held else step


def _keys(facts: Mapping[str, HostFacts], course: Course, who: str) -> dict[str, Any]:
    """What the new generation says otherwise than the target: what is taken back for it, and what is held back from now on."""
    row, between = _row(facts, course), course.between
    reverses: dict[str, Any] = {}
    if row is not None and between is not None and between.back and not course.hard:
        again = {"generation": between.code, "names": list(between.back), "undo": True, "timeout_seconds": row["timeout_seconds"]}
        reverses = {REVERSES: again}
    return {**reverses, **held_back_after(facts, course.aim.target.document, who=who)}


def _row(facts: Mapping[str, HostFacts], course: Course) -> Json | None:
    """What is said of migrations by whoever's code runs: the live generation, or the target's where that one has none."""
    live = facts[min(facts)].live or {}
    found = live.get("migrations") or course.aim.target.document.get("migrations")
    return dict(found) if found else None


def _declared(row: Json) -> Migrations:
    return Migrations(row["adapter"], str(row["data"]), timeout_seconds=float(row["timeout_seconds"]))

"""`shipway revert`: an earlier state current again, with its schema, with --hard its data; by default only what that means."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from shipway.flows.attempt import Attempt, attempt
from shipway.flows.expected import expected
from shipway.flows.head import intent_of_head
from shipway.flows.moment import moment
from shipway.flows.project import Project, open_project, release_meant
from shipway.flows.revert_check import checked
from shipway.flows.revert_look import Looked, looked_at
from shipway.flows.revert_report import Undone, undone_by
from shipway.flows.transact import transact
from shipway.flows.transaction import Transaction
from shipway.flows.who import who
from shipway.flows.words import RevertWords
from shipway.model.errors import AGAIN, Refused, WrongInput
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.gates import UNTOUCHED
from shipway.plan.revert import Course, plan_revert
from shipway.reports.few import named
from shipway.reports.plan import plan_json, plan_text
from shipway.reports.revert import Told, revert_json, revert_text
from shipway.reports.times import forecast_text


async def revert(words: RevertWords, on_event: Callable[[Event], None]) -> Verdict:
    """Raises ShipwayError for every ending that is not 0; without --yes nothing is touched."""
    project = open_project(words.project)
    with attempt(project.directory, on_event, "revert", lambda: project.meant(words.environment)) as trying:
        _refuse_both(words)
        undone = undone_by(words.target, words.environment)
        intent = intent_of_head(project, undone.environment if undone is not None else words.environment)
        looked = await looked_at(intent, _target(project, words.target, undone), undone, trying)
        _refuse_open(looked, intent)
        if words.check:
            return await checked(intent, looked, hard=words.hard, trying=trying)
        told = looked.told(intent, hard=words.hard)
        if words.hard:
            _refuse_without_point(looked, intent)
        elif told.stays or not told.known:
            if words.soft or words.yes:
                raise _irreversible(looked, told, words)
            return _asks_for_hard(looked, told, words)
        course = looked.course(hard=words.hard, command=f"{_typed(told, words)} --yes")
        if not words.yes:
            return _answer(project, intent, looked, course, told, words)
        for line in revert_text(told, looked.clock):
            trying.tell("note", message=line)
        transaction = Transaction(intent, _planner(intent, looked, course), lambda plan: None, _live, unchanged=_nothing)
        return trying.ended(await transact(trying, transaction))


def _planner(intent: Intent, looked: Looked, course: Course) -> Callable[..., Plan]:
    def planner(facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str) -> Plan:
        if number != looked.number:
            raise Refused(
                f"another command began on {intent.environment.name} since its schema and restore points were read",
                state=UNTOUCHED,
                hint=AGAIN,
                code="changed-meanwhile",
            )
        return plan_revert(intent, facts, course, deployment=deployment, who=who, number=number, peer_key=peer_key)

    return planner


def _answer(project: Project, intent: Intent, looked: Looked, course: Course, told: Told, words: RevertWords) -> Verdict:
    """The plan, and nothing else."""
    plan = plan_revert(intent, looked.facts, course, deployment="plan", who=who(), number=looked.number, peer_key="")
    times = expected(project.directory, plan)
    lines = [*revert_text(told, looked.clock), "", *plan_text(plan)]
    if not plan.nothing_to_do:
        lines += ["", *forecast_text(times, plan.kind, plan.environment)]
    data = {**revert_json(told), "plan": plan_json(plan), "expected": times.to_json() if times is not None else None, "lines": lines}
    if plan.nothing_to_do:
        return Verdict("answer", 0, _nothing(plan), "", "", data)
    return Verdict("answer", 0, "nothing was touched", f"{_typed(told, words)} --yes does it", "", data)


def _asks_for_hard(looked: Looked, told: Told, words: RevertWords) -> Verdict:
    """No choice that loses something is made for anybody."""
    data = {**revert_json(told), "lines": revert_text(told, looked.clock)}
    message = "nothing was touched; the schema cannot be taken back" if told.known else "nothing was touched; its schema is not known"
    return Verdict("answer", 0, message, _way(looked, told, words), "", data)


def _way(looked: Looked, told: Told, words: RevertWords) -> str:
    """What is left where the schema does not go back."""
    if looked.losses:
        return f"{_typed(told, words)} --hard shows what bringing the data back would do"
    return f"shipway data list {told.environment} shows which restore points there are"


def _typed(told: Told, words: RevertWords) -> str:
    """What was typed, but for --yes."""
    target = [words.target] if words.target != "@previous" else []
    return shlex.join(["shipway", "revert", told.environment, *target, *(["--hard"] if told.hard else [])])


def _target(project: Project, words: str, undone: Undone | None) -> str:
    if undone is not None:
        return str(undone.before)
    return words if moment(words, 0.0) is not None else release_meant(project, words)


def _live(plan: Plan, trying: Attempt) -> str:
    version = plan.document.get("version", "")
    how = str(plan.document.get("what", "")).rpartition(", ")[2]
    return f"{version} is current again in {plan.environment} ({how}), proved on {named(plan.members)} in {trying.seconds:.1f} s"


def _nothing(plan: Plan) -> str:
    return f"nothing to do: {plan.document.get('version', '')} serves in {plan.environment}, and its schema is what it is made for"


def _refuse_both(words: RevertWords) -> None:
    if words.soft and words.hard:
        raise WrongInput(
            "--soft leaves the data as it is, and --hard brings it back: only one of them can be",
            state="nothing was touched",
            hint="shipway revert --help",
        )


def _refuse_open(looked: Looked, intent: Intent) -> None:
    if looked.open:
        name = intent.environment.name
        raise Refused(
            f"migration {looked.open} began and has no known ending: what the schema is nobody can say",
            state=UNTOUCHED,
            hint=f"shipway data settle {name} {looked.open} --done, or --again where it did not take effect; then {AGAIN}",
            code="migrations-open",
        )


def _refuse_without_point(looked: Looked, intent: Intent) -> None:
    if looked.cannot_hold:
        name = intent.environment.name
        raise Refused(
            f"data cannot be brought back together with the code: {looked.cannot_hold}, so nobody could decide about both at once",
            state=UNTOUCHED,
            hint=f"shipway maintenance on {name} --hold; shipway data restore {name} POINT --yes; shipway rollback {name} RELEASE",
            code="cannot-hold",
            details=[f"{name}: {point.point}" for name, (point, _) in looked.losses.items()],
        )
    if not looked.losses:
        version, number = looked.aim.target.document.get("version", ""), looked.aim.target.number
        raise Refused(
            f"there is no restore point of the time in which {version} (generation {number}) served",
            state=UNTOUCHED,
            hint=f"shipway data list {intent.environment.name} lists those that there are; without --hard only code and schema go back",
            code="no-point-then",
        )


def _irreversible(looked: Looked, told: Told, words: RevertWords) -> Refused:
    if told.known:
        what = f"{len(told.stays)} of {len(told.back)} migrations cannot be taken back: {', '.join(told.stays)}"
    else:
        what = f"nobody wrote down which schema generation {told.generation} left, so what would have to be taken back is not known"
    lines = revert_text(told, looked.clock)
    return Refused(what, state=UNTOUCHED, hint=_way(looked, told, words), code="irreversible", details=lines)

"""Migrations in a plan: when each phase runs and who runs it, what is left out where nothing is pending, what is refused and said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts
from shipway.model.intent import Data, Intent, Migrations, Task
from shipway.model.migration import SERVING, Migration, Pending, Schema
from shipway.model.plan import Plan
from shipway.plan.data.schema import overdue
from shipway.plan.deploy import plan_deploy
from shipway.plan.migrate import plan_migrate
from shipway.plan.prepare import plan_prepare
from shipway.plan.rollback import plan_rollback
from shipway.reports.plan import plan_json, plan_text
from tests.plan.fleet import CADDIES, KEY, WHO, facts, fresh, host, intent, release, serving

MAIN = Data("main", "postgres", url="DATABASE_URL")
SQL = Migrations("sql", "main", path="migrations", lock_seconds=2.0)
MIGRATE = Task("migrate", "migrate", "activate", once=True)

NOTE = Migration("0002_note", path="migrations/0002_note.sql", tables=("orders",), locks=("orders against writes while an index is built",))
HELD = Migration("0003_move", "held", path="migrations/0003_move.sql")
DROP = Migration("0004_drop", "contract", path="migrations/0004_drop.sql", destructive=("drops orders.note",), irreversible=("no down",))
BREAKS = Migration("0005_cut", breaking=(f"drops orders.a, which {SERVING} may still use",), path="migrations/0005_cut.sql")

SCHEMA = Schema(("0001_first",), sizes={"orders": 1_200_000_000}, took={"0002_note": 12.5}, left={1: ("0001_first",)})


def wanted(*hosts: str, declared: Migrations = SQL, data: Data = MAIN, **more: Any) -> Intent:
    made = intent(hosts or ("a", "b"), data=(data,), **more)
    return replace(made, shipment=replace(made.shipment, migrations=declared))


def pending(*migrations: Migration, complete: bool = True, schema: Schema = SCHEMA) -> Pending:
    return Pending(migrations, schema, complete)


def deployed(asked: Intent, found: Pending | None, said: dict[str, Any] | None = None, number: int = 2, **more: Any) -> Plan:
    there = said if said is not None else serving(asked, [release(1)])
    of_this_one: dict[str, Any] = {"deployment": f"{number}-n", "who": WHO, "number": number, "caddies": CADDIES, "peer_key": KEY}
    return plan_deploy(asked, release(number), facts(there), pending=found, **of_this_one, **more)


def activate(plan: Plan) -> list[tuple[str, dict[str, list[str]]]]:
    return [(w.name, {name: [s.key for s in todo] for name, todo in w.steps.items()}) for w in plan.waves if w.phase == "activate"]


def keys(plan: Plan, name: str) -> list[str]:
    return [step.key for wave in plan.waves for step in wave.steps.get(name, ())]


def test_one_host_sees_them_before_its_vote_and_runs_them_behind_the_restore_point() -> None:
    plan = deployed(wanted(), pending(NOTE, DROP))
    assert keys(plan, "a").index("migrations") + 1 == keys(plan, "a").index("member:vote")
    assert "migrations" not in keys(plan, "b")
    assert activate(plan) == [("restore points of main", {"a": ["point:main"]}), ("expand migrations", {"a": ["migrate:expand"]})]
    assert {name: [step.key for step in todo] for name, todo in plan.after.items()} == {"a": ["point:main:behind", "migrate:contract"]}
    (point,) = (step for wave in plan.waves for step in wave.steps.get("a", ()) if step.key == "point:main")
    assert point.args["if_pending"] is True


def test_held_ones_run_behind_the_hold_of_every_host_and_before_tasks() -> None:
    plan = deployed(wanted(declared=replace(SQL, hold_seconds=120), tasks=(MIGRATE,)), pending(NOTE, HELD))
    names = [name for name, _ in activate(plan)]
    assert names[-4:] == ["restore points of main", "expand migrations", "held migrations", "migrate on a"]
    assert names.index("requests wait") < names.index("restore points of main")
    held = next(step for wave in plan.waves for step in wave.steps.get("a", ()) if step.key == "migrate:held")
    assert (held.args["phase"], held.args["held"]) == ("held", ["0003_move"])
    assert all("hold" in [step.key for wave in plan.waves for step in wave.steps.get(name, ())] for name in ("a", "b"))
    assert plan.batches == ()


def test_where_all_are_held_those_that_only_the_host_sees_are_not_left_out() -> None:
    plan = deployed(wanted(declared=replace(SQL, adapter="django", held=True)), pending(complete=False))
    held = next(step for wave in plan.waves for step in wave.steps.get("a", ()) if step.key == "migrate:held")
    assert held.args["held"] == [], "there it is refused: requests do not wait"
    assert "hold" not in keys(plan, "a")


def test_where_it_is_known_that_nothing_is_pending_no_point_is_taken_and_nothing_runs() -> None:
    plan = deployed(wanted(), pending())
    assert activate(plan) == [] and plan.after == {}
    assert "no migrations are pending" in plan.notes
    assert "migrations" in keys(plan, "a"), "the host writes down the schema all the same"


@pytest.mark.parametrize(
    ("adapter", "found", "why"),
    [
        ("django", pending(complete=False), "packages may bring migrations of their own"),
        ("alembic", pending(complete=False), "its own commands alone know all"),
        ("sql", pending(schema=Schema(known=False)), "what serves declares no migrations"),
    ],
)
def test_where_it_is_not_known_the_steps_are_there_and_skip_themselves(adapter: Any, found: Pending, why: str) -> None:
    plan = deployed(wanted(declared=replace(SQL, adapter=adapter)), found)
    assert [name for name, _ in activate(plan)] == ["restore points of main", "expand migrations"]
    assert any(why in note for note in plan.notes)


def test_without_migrations_a_plan_is_what_it_was_before_there_were_any() -> None:
    plain = intent(("a", "b"))
    plan = deployed(plain, None)
    assert not [step.do for wave in plan.waves for todo in wave.steps.values() for step in todo if step.do.startswith("migrations.")]
    assert plan_json(plan)["migrations"] is None and plan_json(plan)["after"] == {}


@pytest.mark.parametrize(
    ("found", "said", "steps"),
    [
        (pending(), {}, True),
        (pending(DROP), {}, True),
        (pending(replace(DROP, phase="expand")), {}, False),
        (pending(replace(NOTE, name="0001_first")), {}, False),
        (pending(replace(NOTE, name="0001_first", phase="contract")), {"warm": {"generation": 0, "until": 2000.0}}, True),
        (pending(complete=False), {}, True),
    ],
    ids=[
        "nothing",
        "for which somebody waits",
        "that is overdue",
        "of what serves",
        "of what serves, beside a warm one",
        "of packages, perhaps",
    ],
)
def test_nothing_to_do_hides_no_migration_that_the_release_that_serves_has(found: Pending, said: dict[str, Any], steps: bool) -> None:
    asked = wanted()
    there = serving(asked, [release(1)])
    known = replace(found.schema, left={1: ("0001_first", "0004_drop")}, applied=())
    if said:
        for fact in there.values():
            fact["member"] |= said
            fact["processes"].append({**fact["processes"][0], "generation": 0})
    plan = deployed(asked, replace(found, schema=known), there, 1)
    assert plan.nothing_to_do is steps
    assert ("0001_first of what serves waits: a release before stays warm for 1000 s more" in plan.notes) is bool(said)


def test_a_contract_migration_waits_where_the_release_before_is_still_needed() -> None:
    warm = deployed(wanted(keep_warm_seconds=300.0), pending(DROP))
    assert warm.after == {}
    assert (
        "0004_drop waits: the release before stays warm for 300 s; the next deployment runs what waits, or shipway data migrate production"
        in warm.notes
    )
    left_out = wanted("a", without=(host("b"),))
    away = deployed(left_out, pending(DROP), {"a": serving(wanted(), [release(1)])["a"]})
    assert away.after == {} and any("b goes on serving the release before" in note for note in away.notes)


def test_a_driver_waits_for_the_release_before_as_long_as_it_may_take_and_no_longer_than_a_minute() -> None:
    assert deployed(wanted(), pending(DROP)).gone_seconds == 40.0
    slow = intent(("a",)).shipment.processes[0]
    patient = wanted("a", processes=(replace(slow, drain_seconds=1200.0),))
    assert deployed(patient, pending(DROP)).gone_seconds == 60.0
    assert deployed(wanted(), pending(NOTE)).gone_seconds == 0.0


def test_what_breaks_the_release_that_serves_is_said_with_its_version_and_the_way_out() -> None:
    lint = "0005_cut drops orders.a, which 1.1 may still use: mark it `shipway: contract`, or `shipway: held`"
    assert lint in deployed(wanted(), pending(BREAKS)).notes
    said = {"a": fresh("a"), "b": fresh("b")}
    assert not any("0005_cut" in note for note in deployed(wanted(), pending(BREAKS, schema=Schema(known=False)), said).notes)


def test_what_shipway_toml_refuses_is_refused_all_at_once() -> None:
    asked = wanted(declared=replace(SQL, refuse=("breaking", "irreversible")))
    with pytest.raises(Refused) as raised:
        deployed(asked, pending(BREAKS, DROP))
    assert raised.value.code == "migrations-refused"
    assert raised.value.details == (
        f"0005_cut breaks what serves: drops orders.a, which {SERVING} may still use",
        "0004_drop cannot be taken back: no down",
    )
    look = next(step for wave in deployed(asked, pending(NOTE)).waves for step in wave.steps["a"] if step.key == "migrations")
    assert look.args["refuse"] == ["breaking", "irreversible"], "the host sees what packages bring"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (wanted(data=replace(MAIN, roles=("db",))), "migrations-keeper"),
        (wanted("b", without=(host("a"),)), "migrations-keeper"),
    ],
    ids=["nobody has its roles", "left out"],
)
def test_somebody_must_run_them(asked: Intent, code: str) -> None:
    asked = replace(asked, environment=replace(asked.environment, hosts=tuple(host(h.name, ["web"]) for h in asked.environment.hosts)))
    with pytest.raises(Refused) as raised:
        deployed(asked, pending(NOTE), {h.name: fresh(h.name) for h in asked.environment.hosts})
    assert raised.value.code == code


def test_held_ones_are_refused_where_requests_cannot_be_held() -> None:
    with pytest.raises(Refused) as raised:
        deployed(wanted(data=replace(MAIN, points="never")), pending(HELD))
    assert raised.value.code == "held-migrations" and raised.value.message.startswith("0003_move is held, and ")


def test_prepare_sees_them_and_runs_none() -> None:
    asked = wanted()
    args: dict[str, Any] = {"deployment": "2-n", "who": WHO, "number": 2, "caddies": CADDIES, "peer_key": KEY}
    plan = plan_prepare(asked, release(2), facts(serving(asked, [release(1)])), pending=pending(NOTE, DROP), **args)
    assert "migrations" in keys(plan, "a") and activate(plan) == [] and plan.after == {}


def test_people_and_programs_are_told_phase_flags_locks_and_times() -> None:
    plan = deployed(wanted(), pending(NOTE, BREAKS, replace(DROP, atomic=False)))
    text = "\n".join(plan_text(plan))
    assert (
        "3 migrations pending\n  expand: before the switch, while the release before serves\n    0002_note: took 12.5 s last time\n" in text
    )
    assert "      locks orders (1.2 GB) against writes while an index is built\n" in text
    assert "    0005_cut\n      drops orders.a, which the release that serves may still use\n" in text
    assert (
        "  contract: behind the commit, once the release before is gone\n    0004_drop: destructive, irreversible, in no transaction\n"
        in text
    )
    assert "after, once nothing of the release before runs\n  a\n" in text
    told = plan_json(plan)["migrations"]
    assert (told["known"], told["complete"], told["applied"], told["open"]) == (True, True, 1, None)
    assert told["pending"][0] == {
        "name": "0002_note",
        "file": "migrations/0002_note.sql",
        "phase": "expand",
        "breaking": [],
        "destructive": [],
        "irreversible": [],
        "locks": ["orders against writes while an index is built"],
        "tables": [{"table": "orders", "bytes": 1_200_000_000}],
        "atomic": True,
        "last_seconds": 12.5,
    }


def told(applied: list[str], **generations: dict[str, Any]) -> dict[str, Any]:
    return {"known": True, "applied": applied, "open": "", "sizes": {}, "took": {}, "generations": generations}


FIRST = {"applied": ["0001"], "known": {"0001": "expand"}, "irreversible": {}, "at": 0.0}


@pytest.mark.parametrize(
    ("known", "irreversible", "refused"),
    [
        ({"0001": "expand", "0002": "expand"}, {}, False),
        ({"0001": "expand", "0002": "contract"}, {}, True),
        ({"0001": "expand", "0002": "expand"}, {"0002": ["no down"]}, True),
    ],
)
def test_a_rollback_goes_not_across_what_the_target_cannot_live_with(
    known: dict[str, str], irreversible: dict[str, Any], refused: bool
) -> None:
    asked = wanted("a")
    there = facts(serving(asked, [release(1), release(2)]))
    args: dict[str, Any] = {"deployment": "3-x", "who": WHO, "number": 3, "caddies": CADDIES, "peer_key": KEY}
    second = {"applied": ["0001", "0002"], "known": known, "irreversible": irreversible, "at": 0.0}
    schema = told(["0001", "0002"], **{"1": FIRST, "2": second})
    if not refused:
        assert plan_rollback(asked, there, "1", schema=schema, **args).kind == "rollback"
        return
    with pytest.raises(Refused) as raised:
        plan_rollback(asked, there, "1", schema=schema, **args)
    assert raised.value.code == "migrations-between" and "shipway revert production 1" in raised.value.hint
    assert raised.value.details[0].startswith("0002: ")


def back_to(number: int, there: dict[str, HostFacts], asked: Intent, schema: dict[str, Any] | None) -> Plan:
    args: dict[str, Any] = {"deployment": "4-x", "who": WHO, "number": 4, "caddies": CADDIES, "peer_key": KEY}
    return plan_rollback(asked, there, str(number), schema=schema, **args)


def test_a_rollback_goes_not_to_a_release_whose_migrations_were_taken_back() -> None:
    asked = wanted("a")
    there = facts(serving(asked, [release(1), release(2), release(1)]))
    second = {"applied": ["0001", "0002"], "known": {"0001": "expand", "0002": "expand"}, "irreversible": {}, "at": 0.0}
    with pytest.raises(Refused, match="generation 2 needs 0002") as raised:
        back_to(2, there, asked, told(["0001"], **{"1": FIRST, "2": second, "3": FIRST}))
    assert raised.value.code == "migrations-between" and "shipway revert production 2 runs it again" in raised.value.hint


def test_a_rollback_says_where_nobody_knows_the_schema_that_its_target_is_made_for() -> None:
    asked = wanted("a")
    said = serving(asked, [release(1), release(2), release(3)])
    second = {"applied": ["0001", "0002"], "known": {"0001": "expand", "0002": "contract"}, "irreversible": {}, "at": 0.0}
    there = facts(said)
    made = back_to(1, there, asked, told(["0001", "0002"], **{"2": second, "3": second}))
    assert any("nobody wrote down which schema generation 1 left" in note for note in made.notes)
    with pytest.raises(Refused, match="generation 1 is older than 0002"):
        back_to(1, there, asked, told(["0001", "0002"], **{"2": FIRST, "3": second}))
    assert any("a, which runs migrations, was not asked" in note for note in back_to(1, there, asked, None).notes)
    del said["a"]["generations"]["3"]["migrations"]
    assert any("what serves declares no migrations" in note for note in back_to(1, facts(said), asked, None).notes)
    del said["a"]["generations"]["1"]["migrations"]
    assert not any("schema" in note for note in back_to(1, facts(said), asked, None).notes)


def migrate(asked: Intent, said: dict[str, Any]) -> Plan:
    return plan_migrate(asked, facts(said), deployment="3-m", who=WHO, number=3, peer_key=KEY)


def test_by_hand_they_run_behind_a_restore_point_and_nothing_switches() -> None:
    asked = wanted()
    plan = migrate(asked, serving(asked, [release(1)]))
    assert activate(plan) == [("migrated", {"a": ["point:main:behind", "migrate:contract"]})]
    run = plan.waves[0].steps["a"][-1]
    assert run.args == {"generation": 1, "phase": "contract", "held": []} and run.timeout_seconds == 630.0
    assert plan.switch == {} and plan.kind == "migrate" and plan.document["command"] == "data migrate production"


def test_by_hand_nothing_runs_beside_a_release_before() -> None:
    asked = wanted("a")
    said = serving(asked, [release(1), release(2)])
    said["a"]["processes"].append({**said["a"]["processes"][0], "generation": 1, "state": "draining"})
    with pytest.raises(Refused) as raised:
        migrate(asked, said)
    assert raised.value.code == "release-before" and "web.1 of generation 1 still finishes on a" in raised.value.message
    with pytest.raises(Refused) as raised:
        migrate(intent(("a",)), serving(intent(("a",)), [release(1)]))
    assert raised.value.code == "no-migrations-here"


def test_a_contract_migration_is_overdue_only_where_every_host_serves_a_release_that_has_it() -> None:
    asked = wanted()
    there = facts(serving(asked, [release(1)]))
    schema = Schema(applied=("0001_first",), left={1: ("0001_first", "0004_drop"), 2: ("0001_first", "0004_drop")})
    assert sorted(overdue(schema, there, left_out=False) or ()) == ["0004_drop"]
    assert overdue(schema, there, left_out=True) == frozenset(), "what a host serves that is left out nobody knows"
    assert overdue(replace(schema, left={2: ("0004_drop",)}), there, left_out=False) == frozenset()
    nobody = {name: replace(fact, member=replace(fact.member, current=None)) for name, fact in there.items()}
    assert overdue(schema, nobody, left_out=False) is None, "where nothing serves nobody needs anything"


def test_a_contract_migration_is_not_overdue_while_a_process_of_the_release_before_still_runs() -> None:
    asked = wanted()
    there = serving(asked, [release(1)])
    for fact in there.values():
        fact["processes"].append({**fact["processes"][0], "generation": 0})
    schema = Schema(left={1: ("0004_drop",)})
    assert overdue(schema, facts(there), left_out=False) == frozenset()


def test_the_host_is_told_which_phases_its_deployment_runs() -> None:
    looks = [
        [step.args["phases"] for wave in plan.waves for todo in wave.steps.values() for step in todo if step.do == "migrations.look"]
        for plan in (deployed(wanted(), found) for found in (pending(NOTE), pending(NOTE, DROP), pending(complete=False)))
    ]
    assert looks == [[["expand"]], [["contract", "expand"]], [["contract", "expand"]]]


def test_where_only_the_host_sees_all_what_comes_behind_the_commit_is_planned_for_the_case_that_it_sees_some() -> None:
    uncertain = deployed(wanted(), pending(complete=False))
    assert uncertain.after_if_seen and [step.do for todo in uncertain.after.values() for step in todo][-1] == "migrations.run"
    known = deployed(wanted(), pending(DROP))
    assert known.after and not known.after_if_seen
    assert deployed(wanted(), pending(NOTE)).after == {}

"""What must be on a host follows from its record alone: the link, and which copies of which generations run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent import decide
from shipway_agent.decide import Attempt, Held, Member, Warm
from shipway_agent.states import (
    ARMED,
    BACK,
    COMMITTED,
    DISCARDED,
    LEASED,
    PREPARED,
    READY,
    RESTORING,
    REVERTED,
    STARTING,
    SWITCHED,
)
from shipway_agent.wants import KEEP, Instance, candidates_of, generations_of, giver_of, goes_first, hands_over, runs_as, wants

OLD, NEW = 1, 2


def process(name: str, instances: int = 1, listens: str | None = None, overlap: bool = True) -> dict[str, Any]:
    return {"name": name, "run": name, "instances": instances, "listens": listens, "overlap": overlap}


def generation(overlap: bool = True) -> dict[str, Any]:
    return {"processes": [process("web", 2, "port"), process("worker", overlap=overlap)]}


DOCUMENTS = {OLD: generation(), NEW: generation()}


def during(stage: str, base: int | None = OLD) -> Member:
    """A host that serves generation 1, and has a deployment of 2 in this stage."""
    current = NEW if stage in (SWITCHED, COMMITTED) else base
    first = Attempt("d1", OLD, COMMITTED, "a", ("a",), 60.0)
    second = Attempt("d2", NEW, stage, "a", ("a",), 60.0, base=base if stage not in (LEASED, PREPARED, STARTING, READY) else None)
    return Member("a", fence=2, current=current, attempts=(first, second))


def run_of(member: Member, documents: dict[int, dict[str, Any]] = DOCUMENTS) -> dict[int, set[str]]:
    """The processes that run, by generation."""
    run: dict[int, set[str]] = {}
    for instance in wants(member, documents).run:
        run.setdefault(instance.generation, set()).add(instance.process)
    return run


BOTH = {"web", "worker"}


@pytest.mark.parametrize(
    ("stage", "run"),
    [
        (PREPARED, {OLD: {"web"}}),
        (READY, {OLD: {"web"}, NEW: {"web"}}),
        (SWITCHED, {OLD: {"web"}, NEW: {"web"}}),
        (BACK, {OLD: {"web"}}),
        (RESTORING, {OLD: {"web"}}),
    ],
)
def test_while_a_host_holds_only_what_listens_runs(stage: str, run: dict[int, set[str]]) -> None:
    member = during(stage)
    held = Member("a", fence=2, current=member.current, attempts=member.attempts, held=Held("d2", 30))
    assert run_of(held) == run


@pytest.mark.parametrize(
    ("stage", "link", "run"),
    [
        (LEASED, OLD, {OLD: BOTH}),
        (PREPARED, OLD, {OLD: BOTH}),
        (STARTING, OLD, {OLD: BOTH, NEW: {"web"}}),
        (READY, OLD, {OLD: BOTH, NEW: {"web"}}),
        (ARMED, KEEP, {OLD: BOTH, NEW: {"web"}}),
        (SWITCHED, NEW, {OLD: BOTH, NEW: BOTH}),
        (BACK, OLD, {OLD: BOTH}),
        (COMMITTED, NEW, {NEW: BOTH}),
        (REVERTED, OLD, {OLD: BOTH}),
        (DISCARDED, OLD, {OLD: BOTH}),
    ],
)
def test_the_link_and_the_processes_follow_the_stage(stage: str, link: object, run: dict[int, set[str]]) -> None:
    member = during(stage)
    assert wants(member, DOCUMENTS).link is link or wants(member, DOCUMENTS).link == link
    assert run_of(member) == run


COPY = {**generation(), "source": OLD, "kind": "rollback"}


@pytest.mark.parametrize(
    ("stage", "stay"),
    [
        *((stage, True) for stage in (LEASED, PREPARED, BACK, DISCARDED, REVERTED)),
        *((stage, False) for stage in (STARTING, READY, ARMED, SWITCHED)),
    ],
)
def test_listeners_that_are_warm_stay_until_a_copy_of_them_is_a_candidate_and_stay_again_when_it_is_undone(stage: str, stay: bool) -> None:
    third = Attempt("d3", 3, stage, "a", ("a",), 60.0, base=NEW if stage in (ARMED, SWITCHED, BACK) else None)
    member = Member("a", fence=3, current=3 if stage == SWITCHED else NEW, attempts=(third,), warm=Warm(OLD, 100.0))
    found = wants(member, {**DOCUMENTS, 3: COPY})
    assert found.stay == ({Instance(OLD, "web", 1), Instance(OLD, "web", 2)} if stay else frozenset())
    assert not any(copy.generation == OLD for copy in found.run), "and they are never started"
    assert OLD in generations_of(member)
    assert wants(member, {**DOCUMENTS, 3: generation()}).stay, "a candidate that is no copy of it takes nothing"


def web(generation: int, instance: int = 1) -> Instance:
    return Instance(generation, "web", instance)


@pytest.mark.parametrize("document", [COPY, {**generation(), "source": OLD, "takes": ["web"]}], ids=["as earlier versions said it", "said"])
def test_a_rollback_takes_over_the_listeners_of_what_it_copies_and_gives_them_back(document: dict[str, Any]) -> None:
    documents = {**DOCUMENTS, 3: document}
    assert hands_over(web(OLD), web(3), documents) and hands_over(web(3), web(OLD), documents)
    assert not hands_over(web(OLD), web(NEW), documents) and not hands_over(web(3), web(NEW), documents)
    assert not hands_over(web(OLD), web(3, 2), documents) and not hands_over(web(3), web(9), documents)
    assert giver_of(Instance(3, "worker", 1), documents) is None


TAKER = {"source": OLD, "takes": ["web", "worker"], "processes": [process("web", 3, "port"), process("worker", 2)]}
"""What `scale web=3 worker=2` makes of generation 1: what runs goes on, and only what is missing is started."""

FRESH = {"web.3"}
THERE = {"web.1", "web.2", "worker.1"}


def names_of(member: Member, document: dict[str, Any]) -> dict[int, set[str]]:
    run: dict[int, set[str]] = {}
    for copy in wants(member, {OLD: generation(), NEW: document}).run:
        run.setdefault(copy.generation, set()).add(f"{copy.process}.{copy.instance}")
    return run


@pytest.mark.parametrize(
    ("stage", "run"),
    [
        (PREPARED, {OLD: THERE}),
        (STARTING, {OLD: THERE, NEW: FRESH}),
        (READY, {OLD: THERE, NEW: FRESH}),
        (ARMED, {OLD: THERE, NEW: FRESH}),
        (SWITCHED, {NEW: THERE | FRESH | {"worker.2"}}),
        (COMMITTED, {NEW: THERE | FRESH | {"worker.2"}}),
        (BACK, {OLD: THERE}),
        (REVERTED, {OLD: THERE}),
    ],
)
def test_what_is_taken_over_runs_once_under_the_name_of_whoever_serves(stage: str, run: dict[int, set[str]]) -> None:
    assert names_of(during(stage), TAKER) == run


def test_copies_that_are_too_many_run_until_the_decision() -> None:
    fewer = {**TAKER, "processes": [process("web", 1, "port"), process("worker", 0)]}
    assert names_of(during(SWITCHED), fewer) == {OLD: {"web.2", "worker.1"}, NEW: {"web.1"}}
    assert names_of(during(COMMITTED), fewer) == {NEW: {"web.1"}}


def test_what_is_not_named_is_started_beside_what_serves() -> None:
    restarted = {**generation(), "source": OLD, "takes": ["worker"]}
    assert names_of(during(STARTING), restarted) == {OLD: THERE, NEW: {"web.1", "web.2"}}
    assert names_of(during(SWITCHED), restarted) == {OLD: {"web.1", "web.2"}, NEW: THERE}


def test_a_copy_goes_by_the_name_of_what_serves() -> None:
    documents = {OLD: generation(), NEW: TAKER}
    assert runs_as(web(NEW), during(READY), documents) == web(OLD)
    assert runs_as(web(NEW, 3), during(READY), documents) == web(NEW, 3)
    assert runs_as(web(NEW), during(SWITCHED), documents) == web(NEW)


@pytest.mark.parametrize("stage", [LEASED, PREPARED, STARTING, READY, ARMED, SWITCHED, BACK])
def test_a_generation_is_a_candidate_until_it_is_decided(stage: str) -> None:
    assert candidates_of(during(stage)) == {NEW}
    assert {candidates_of(during(ended)) for ended in (COMMITTED, REVERTED, DISCARDED)} == {frozenset()}


def test_each_instance_is_named_and_counts_from_one() -> None:
    assert wants(during(COMMITTED), DOCUMENTS).run == {
        Instance(NEW, "web", 1),
        Instance(NEW, "web", 2),
        Instance(NEW, "worker", 1),
    }


def test_before_the_first_deployment_nothing_runs_and_there_is_no_link() -> None:
    assert (wants(Member("a"), {}).link, wants(Member("a"), {}).run) == (None, frozenset())
    assert wants(during(REVERTED, base=None), DOCUMENTS).link is None


@pytest.mark.parametrize(("old", "new"), [(False, True), (True, False), (False, False)])
def test_a_worker_that_may_not_overlap_leaves_when_the_switch_is_made_and_an_undo_starts_it_again(old: bool, new: bool) -> None:
    documents = {OLD: generation(overlap=old), NEW: generation(overlap=new)}
    assert run_of(during(SWITCHED), documents) == {OLD: {"web"}, NEW: BOTH}
    assert run_of(during(REVERTED), documents) == {OLD: BOTH}


def test_the_successor_of_such_a_worker_waits_until_it_is_gone() -> None:
    documents = {OLD: generation(), NEW: generation(overlap=False)}
    leaving = Instance(OLD, "worker", 1)
    assert goes_first(Instance(NEW, "worker", 1), [leaving, Instance(OLD, "web", 1)], documents) == (leaving,)
    assert goes_first(Instance(NEW, "worker", 1), [Instance(NEW, "worker", 1)], documents) == ()
    assert goes_first(leaving, [Instance(NEW, "worker", 1)], documents) == (Instance(NEW, "worker", 1),), "in an undo as well"


def test_those_that_may_overlap_wait_for_nobody() -> None:
    assert goes_first(Instance(NEW, "worker", 1), [Instance(OLD, "worker", 1)], DOCUMENTS) == ()
    documents = {OLD: generation(overlap=False), NEW: generation(overlap=False)}
    assert goes_first(Instance(NEW, "web", 1), [Instance(OLD, "web", 1)], documents) == (), "and listeners always may"


def test_a_process_that_the_new_generation_has_not_stays_until_the_decision() -> None:
    documents = {OLD: generation(), NEW: {"processes": [process("web", 1, "socket")]}}
    assert run_of(during(SWITCHED), documents) == {OLD: BOTH, NEW: {"web"}}
    assert run_of(during(COMMITTED), documents) == {NEW: {"web"}}


def test_a_generation_whose_document_is_gone_has_nothing_to_run() -> None:
    assert run_of(during(SWITCHED), {NEW: generation()}) == {NEW: BOTH}


messages = st.sampled_from(
    ["lease", "vote", "start", "ready", "arm", "switched", "commit", "undo", "tell", "tick", "boot", "alone", "finish"]
)


@given(st.lists(st.tuples(messages, st.integers(1, 3), st.booleans(), st.floats(0, 100)), max_size=60))
def test_whatever_happens_what_serves_runs_and_nothing_that_is_needed_to_go_back_is_stopped(
    sent: list[tuple[str, int, bool, float]],
) -> None:
    member, now = Member("a"), 0.0
    documents = {number: generation() for number in (1, 2, 3)}
    for do, number, lead, seconds in sent:
        now += seconds
        message = {"do": do, "deployment": f"d{number}", "fence": number, "owner": "x", "seconds": 30.0, "members": ["a", "b"]}
        more = {"lead": "a" if lead else "b", "confirm_seconds": 60.0, "decision": COMMITTED if lead else REVERTED}
        member, _ = decide.handle(member, {**message, **more}, now)
        wanted = wants(member, documents)
        assert {i.generation for i in wanted.run} <= generations_of(member)
        if member.current is not None:
            running = {i.process for i in wanted.run if i.generation == member.current}
            assert running == (BOTH if member.current in documents else set())
        for attempt in member.open():
            if attempt.base in documents:
                assert Instance(attempt.base, "web", 1) in wanted.run
        assert wanted.link is KEEP or wanted.link == member.current


ORDERS = {OLD: generation(), NEW: {**generation(), "source": OLD, "takes": ["web", "worker"]}, 3: {**TAKER, "source": NEW}}
"""One after the other: what 1 started goes on as 2, and that as 3."""


@given(st.lists(st.tuples(messages, st.integers(1, 3), st.booleans(), st.floats(0, 100)), max_size=60))
def test_whatever_happens_nothing_that_is_taken_over_runs_twice_and_what_serves_has_all_its_copies(
    sent: list[tuple[str, int, bool, float]],
) -> None:
    member, now = Member("a"), 0.0
    for do, number, lead, seconds in sent:
        now += seconds
        message = {"do": do, "deployment": f"d{number}", "fence": number, "owner": "x", "seconds": 30.0, "members": ["a", "b"]}
        more = {"lead": "a" if lead else "b", "confirm_seconds": 60.0, "decision": COMMITTED if lead else REVERTED}
        member, _ = decide.handle(member, {**message, **more}, now)
        run = wants(member, ORDERS).run
        for copy in run:
            giver = giver_of(copy, ORDERS)
            assert giver is None or giver not in run, f"{copy} runs by the name of {giver} as well"
        rows = ORDERS[member.current]["processes"] if member.current is not None else []
        own = {Instance(member.current or 0, row["name"], i) for row in rows for i in range(1, row["instances"] + 1)}
        assert own <= run

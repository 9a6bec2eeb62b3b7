"""One running copy, turn by turn: what it is told next, for every state it can be in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from shipway_agent import reconcile
from shipway_agent.journal import ProcessRow
from shipway_agent.reconcile import (
    CRASH,
    DRAIN,
    FORGET,
    KILL,
    NOTHING,
    REST,
    RETURN,
    START,
    SWEEP,
    TERMINATE,
    UP,
    Memory,
    Rule,
    Seen,
    next_for,
)

WEB = Rule(listens=True, drain_seconds=30.0)
WORKER = Rule(listens=False, drain_seconds=5.0)


def row(state: str = "up", pid: int | None = 100) -> ProcessRow:
    return ProcessRow(1, "web", 1, "token", state, pid=pid)


def told(state: str, seen: Seen, *, wanted: bool, rule: Rule = WEB, memory: Memory = Memory(), now: float = 0.0) -> str:
    return next_for(row(state), wanted, True, rule, seen, memory, now)[0]


@dataclass
class Copy:
    """Plays the daemon for one copy: does what it is told, on a clock that the test moves."""

    rule: Rule
    wanted: bool = True
    row: ProcessRow | None = None
    memory: Memory = Memory()
    now: float = 1000.0
    done: list[str] = field(default_factory=list)

    def turn(self, seen: Seen = Seen(), after: float = 0.25) -> str:
        self.now += after
        verb, self.memory = next_for(self.row, self.wanted, True, self.rule, seen, self.memory, self.now)
        states = {START: "starting", UP: "up", RETURN: "up", DRAIN: "draining", TERMINATE: "stopping", CRASH: "crashed", REST: "starting"}
        if verb == FORGET:
            self.row, self.memory = None, Memory()
        elif verb in states:
            again = verb == START and self.row is not None and self.row.state == "crashed"
            state = "crashed" if again else states[verb]
            self.row = replace(self.row or row(), state=state, pid=None if verb in (REST, CRASH) else 100)
        if verb != NOTHING:
            self.done.append(verb)
        return verb


def test_what_is_wanted_and_lacks_is_started() -> None:
    assert next_for(None, True, True, WEB, Seen(), Memory(), 0.0)[0] == START
    assert next_for(None, False, True, WEB, Seen(), Memory(), 0.0)[0] == NOTHING


def test_a_successor_that_may_not_overlap_waits_until_its_place_is_free() -> None:
    assert next_for(None, True, False, WORKER, Seen(), Memory(), 0.0)[0] == NOTHING


def test_a_listener_is_up_when_it_is_healthy_and_a_worker_when_it_has_lived_a_second() -> None:
    assert told("starting", Seen(alive=True, healthy=False), wanted=True) == NOTHING
    assert told("starting", Seen(alive=True, healthy=True), wanted=True) == UP
    assert told("starting", Seen(alive=True), wanted=True, rule=WORKER, now=0.9) == NOTHING
    assert told("starting", Seen(alive=True), wanted=True, rule=WORKER, now=1.0) == UP


def test_a_worker_is_up_when_it_has_run_for_as_long_as_its_document_says() -> None:
    soon, at_once = replace(WORKER, steady_seconds=0.1), replace(WORKER, steady_seconds=0.0)
    assert told("starting", Seen(alive=True), wanted=True, rule=soon, now=0.09) == NOTHING
    assert told("starting", Seen(alive=True), wanted=True, rule=soon, now=0.1) == UP
    assert told("starting", Seen(alive=True), wanted=True, rule=at_once) == UP
    assert told("starting", Seen(alive=True, executed=False), wanted=True, rule=at_once) == NOTHING, "it may yet fail to become the program"
    assert told("starting", Seen(alive=False, exit=127), wanted=True, rule=at_once) == REST


def test_what_starts_is_looked_at_again_when_it_may_be_up() -> None:
    def wait(state: str, rule: Rule, now: float = 0.0) -> float | None:
        return reconcile.look_seconds(row(state), rule, Memory(), now)

    soon = replace(WORKER, steady_seconds=0.08)
    assert wait("starting", soon) == pytest.approx(0.08) and wait("starting", soon, 0.07) == pytest.approx(0.01)
    assert 0 < (wait("starting", soon, 5.0) or 0) <= 0.01, "it has not become the program yet: soon, and no busy loop"
    assert wait("starting", WORKER) == wait("starting", WEB) == wait("draining", WEB) == wait("stopping", WORKER) == 0.1
    assert wait("up", WORKER) is None and wait("crashed", WORKER) is None


def test_a_listener_nobody_wants_is_drained_then_told_to_end_then_forgotten() -> None:
    copy = Copy(WEB, wanted=False, row=row("up"))
    while copy.row is not None:
        copy.turn(Seen(alive="terminate" not in copy.done))
    assert copy.done == [DRAIN, TERMINATE, FORGET]


def test_a_listener_that_is_needed_is_not_told_to_end_before_its_time() -> None:
    copy = Copy(WEB, wanted=False, row=row("up"))
    copy.turn(Seen(alive=True))
    for _ in range(119):
        assert copy.turn(Seen(alive=True, needed=1)) == NOTHING
    assert copy.turn(Seen(alive=True, needed=1)) == TERMINATE


def test_one_look_that_finds_nobody_is_not_enough() -> None:
    copy = Copy(WEB, wanted=False, row=row("up"))
    assert [copy.turn(Seen(alive=True, needed=needed), after=0.4) for needed in (0, 0, 1, 0, 0)] == [
        DRAIN,
        NOTHING,
        NOTHING,
        NOTHING,
        TERMINATE,
    ]


def test_a_worker_nobody_wants_is_told_at_once_and_killed_when_its_time_is_over() -> None:
    copy = Copy(WORKER, wanted=False, row=row("up"))
    began = copy.now
    while KILL not in copy.done:
        copy.turn(Seen(alive=True))
    assert copy.done == [TERMINATE, KILL]
    assert 5.0 <= copy.now - began <= 5.5


def test_a_shell_that_ended_before_its_server_leaves_the_server_its_time() -> None:
    copy = Copy(WORKER, wanted=False, row=row("up"))
    copy.turn(Seen(alive=True))
    for _ in range(19):
        assert copy.turn(Seen(alive=False, left=1)) == NOTHING
    assert copy.turn(Seen(alive=False, left=1)) == KILL
    assert copy.turn(Seen(alive=False, left=0)) == FORGET


def test_a_copy_that_is_wanted_again_while_it_drains_stays() -> None:
    assert told("draining", Seen(alive=True), wanted=True) == RETURN
    assert told("stopping", Seen(alive=True), wanted=True) == NOTHING  # it was told to end; it starts again when it is gone


def test_pauses_double_from_a_fifth_of_a_second_to_ten() -> None:
    assert [reconcile.pause_seconds(n) for n in range(1, 9)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_a_copy_that_dies_is_started_again_after_a_pause() -> None:
    copy = Copy(WEB)
    assert copy.turn() == START
    assert copy.turn(Seen(alive=False)) == REST
    assert copy.turn(after=0.1) == NOTHING
    assert copy.turn(after=0.11) == START


def test_five_deaths_within_half_a_minute_are_a_crash_loop() -> None:
    copy = Copy(WEB)
    while CRASH not in copy.done:
        copy.turn(Seen(alive=False))
    assert copy.done == [START, REST] * 4 + [START, CRASH]


def test_what_crashed_and_is_decided_is_tried_once_a_minute_and_comes_back_when_it_stays_up() -> None:
    copy = Copy(WEB)
    while CRASH not in copy.done:
        copy.turn(Seen(alive=False))
    for _ in range(3):
        assert [copy.turn(after=20) for _ in range(3)] == [NOTHING, NOTHING, START]
        assert copy.row is not None and copy.row.state == "crashed", "a try is no more than a try"
        assert copy.turn(Seen(alive=False)) == CRASH, "one more death ends it"
    copy.turn(after=60)
    assert copy.turn(Seen(alive=True, healthy=True)) == UP
    assert copy.turn(Seen(alive=False), after=31) == REST, "it has stood, and is as any other"


def test_what_crashed_of_a_candidate_stays_down_and_goes_when_nobody_wants_it() -> None:
    copy = Copy(replace(WEB, candidate=True))
    while CRASH not in copy.done:
        copy.turn(Seen(alive=False))
    assert copy.turn(after=3600) == NOTHING
    copy.wanted = False
    assert copy.turn() == FORGET


def test_deaths_far_apart_are_no_crash_loop_and_the_pause_does_not_grow() -> None:
    copy = Copy(WEB)
    for _ in range(20):
        assert copy.turn(after=10) == START
        assert copy.turn(Seen(alive=False), after=31) == REST
        assert copy.memory.again - copy.now == pytest.approx(0.2)


KIN = {(1, 3), (3, 1)}


def given(
    takers: list[reconcile.Key], rows: list[ProcessRow], wanted: frozenset[reconcile.Key] = frozenset()
) -> dict[reconcile.Key, reconcile.Key]:
    by_key = {(row.generation, row.name, row.instance): row for row in rows}
    return reconcile.handed_over(takers, by_key, wanted, lambda one, other: (one[0], other[0]) in KIN)


def listener(generation: int = 1, instance: int = 1, **more: Any) -> ProcessRow:
    found = ProcessRow(generation, "web", instance, "token", "up", "127.0.0.1:9000", 100, healthy=True)
    return replace(found, **more)


def test_a_copy_takes_over_the_running_process_of_its_kin_with_the_same_number() -> None:
    rows = [listener(), listener(instance=2), listener(2)]
    assert given([(3, "web", 1), (3, "web", 2), (3, "web", 3)], rows) == {(3, "web", 1): (1, "web", 1), (3, "web", 2): (1, "web", 2)}


@pytest.mark.parametrize(
    "row",
    [
        listener(2),
        listener(name="api"),
        listener(state="draining"),
        listener(state="starting"),
        listener(healthy=False),
    ],
    ids=["no kin", "another process", "draining", "starting", "sick"],
)
def test_what_is_not_exactly_that_is_started_anew(row: ProcessRow) -> None:
    assert given([(3, "web", 1)], [row]) == {}


def test_nobody_is_robbed_and_nobody_takes_who_has() -> None:
    assert given([(3, "web", 1)], [listener()], wanted=frozenset({(1, "web", 1)})) == {}
    assert given([(3, "web", 1)], [listener(), listener(3)]) == {}


def test_what_a_dead_copy_left_behind_ends_before_it_starts_again() -> None:
    copy = Copy(WEB, row=row("up"))
    assert copy.turn(Seen(left=2, exit=1)) == SWEEP
    while KILL not in copy.done:
        copy.turn(Seen(left=1, exit=1))
    assert copy.turn(Seen(left=0, exit=1)) == REST
    assert copy.done == [SWEEP, KILL, REST]


def test_a_process_that_daemonises_is_given_time_to_do_it_and_is_adopted() -> None:
    copy = Copy(WEB, row=row("starting"))
    assert [copy.turn(Seen(left=1, exit=0)) for _ in range(2)] == [NOTHING, NOTHING]
    assert copy.turn(Seen(left=1, leader=200, exit=0)) == reconcile.ADOPT
    assert told("up", Seen(left=1, leader=200), wanted=False) == TERMINATE


SEEN = st.builds(
    Seen,
    alive=st.booleans(),
    left=st.integers(0, 2),
    leader=st.sampled_from([None, 7]),
    healthy=st.sampled_from([None, True, False]),
    needed=st.integers(0, 2),
)


@drawn(st.lists(st.tuples(st.booleans(), SEEN, st.floats(0.01, 20)), max_size=60), st.sampled_from([WEB, WORKER]))
def test_whatever_happens_a_copy_is_never_started_over_a_living_one_and_never_forgotten_alive(
    turns: list[tuple[bool, Seen, float]], rule: Rule
) -> None:
    copy = Copy(rule)
    for wanted, seen, after in turns:
        copy.wanted = wanted
        runs = copy.row is not None and copy.row.pid is not None
        verb = copy.turn(seen, after)
        if verb == START:
            assert not runs
            assert wanted
        if verb == FORGET and runs:
            assert not seen.alive
            assert seen.left == 0
        if verb in (TERMINATE, DRAIN) and seen.alive:
            assert not wanted


@drawn(st.lists(SEEN.map(lambda seen: replace(seen, alive=True)), min_size=1, max_size=400), st.sampled_from([WEB, WORKER]))
def test_however_needed_a_copy_is_told_to_end_within_its_drain_time(seen: list[Seen], rule: Rule) -> None:
    copy = Copy(rule, wanted=False, row=row("up"))
    for one in seen:
        copy.turn(one)
    if len(seen) * 0.25 > rule.drain_seconds + 0.5:
        assert TERMINATE in copy.done
        assert KILL in copy.done or len(seen) * 0.25 < rule.drain_seconds + 3.0

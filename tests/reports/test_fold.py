"""The state of a deployment is a fold over its events; every report reads it from here."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shipway.model.event import KINDS, Event
from shipway.reports.fold import Draining, State, fold
from tests.reports.story import START, live, undone

KEYS = ("key", "title", "state", "seconds", "answer", "error", "name", "wave", "probes", "decision", "members", "line", "message", "notes")
values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=9))
parts = st.lists(values, max_size=2) | st.dictionaries(st.sampled_from(["message", "lines", "facts", "probes"]), values, max_size=3)
events_of = st.builds(
    Event,
    kind=st.sampled_from([*KINDS, "unheard of"]),
    at=st.floats(0, 1e10),
    deployment=st.just("7-x"),
    host=st.sampled_from(["", "a", "b"]),
    data=st.dictionaries(st.sampled_from(KEYS), values | parts, max_size=5),
)


def test_a_deployment_that_goes_live() -> None:
    state = fold(live())
    assert state.deployment == "7-abc123" and state.began["version"] == "1.2" and state.decision == "committed"
    assert [(p.name, p.wave, round(p.began - START, 1), p.ended and round(p.ended - START, 1)) for p in state.phases] == [
        ("ship", "ship", 0.4, 1.0),
        ("prepare", "prepared", 1.0, 3.0),
        ("start", "ready", 3.0, 5.0),
        ("switch", "switched", 5.0, 5.2),
        ("verify", "verify", 5.2, 9.0),
        ("finish", "finish", 9.2, 10.0),
    ]
    a = state.hosts["a"]
    assert a.stage == a.decision == "committed" and a.leased_seconds == 0.01 and a.downtime_seconds == 0.0
    assert [(w.key, w.phase, w.state) for w in a.steps] == [
        ("tree", "prepare", "done"),
        ("task:install", "prepare", "done"),
        ("member:vote", "prepare", "done"),
        ("start", "start", "done"),
        ("switch", "switch", "done"),
        ("prove", "verify", "done"),
    ]
    assert a.probes[0].what == "front door /up" and a.step is None and a.failure is None
    assert state.draining == [Draining("b", "web.1", 6, 20.0)]


def test_a_deployment_that_is_undone_keeps_the_step_that_failed_and_its_last_output() -> None:
    state = fold(undone())
    b = state.hosts["b"]
    assert b.failure is not None and b.failure.error == {
        "code": "died",
        "message": "web.1 ended with 3",
        "lines": ["importing", "no module shop"],
        "facts": {"exit": 3},
    }
    assert list(b.lines) == ["Traceback: no module shop"], "what a host sends is cleaned as it comes in"
    assert state.ended is not None and state.ended.verdict == "undone" and b.stage == "reverted"


def test_the_step_that_runs_is_known_at_every_moment() -> None:
    state = State()
    seen = []
    for event in live():
        state.add(event)
        step = state.hosts["b"].step if "b" in state.hosts else None
        seen.append(step.key if step else None)
    assert [key for i, key in enumerate(seen) if key and (i == 0 or seen[i - 1] != key)] == [
        "tree",
        "task:install",
        "member:vote",
        "start",
        "switch",
        "prove",
    ]


def test_before_a_lease_nothing_is_touched() -> None:
    state = State()
    state.add(Event("connected", START, "7-x", "a", {"seconds": 0.1}))
    assert not state.touched
    state.add(Event("leased", START, "7-x", "a", {"fence": 7, "seconds": 0.1}))
    assert state.touched


def test_a_failure_has_one_shape_however_the_agent_sends_it() -> None:
    for error in ({"error": {"code": "died", "message": "m", "lines": ["l"]}}, {"code": "died", "message": "m", "lines": ["l"]}):
        state = fold([Event("step", START, "7-x", "a", {"key": "start", "state": "failed", **error})])
        failure = state.hosts["a"].failure
        assert failure is not None and failure.error == {"code": "died", "message": "m", "lines": ["l"], "facts": {}}


@given(st.lists(events_of))
def test_no_stream_of_events_breaks_the_fold(events: list[Event]) -> None:
    state = fold(events)
    assert set(state.hosts) >= {event.host for event in events if event.host}


def test_downtime_is_the_longest_that_was_measured_also_when_it_was_undone() -> None:
    """A failed proof knows it until then, the acknowledgement of the undo knows the whole."""
    facts = {"code": "unhealthy", "message": "web.1: sick", "lines": [], "facts": {"downtime_seconds": 0.2}}
    events = [
        Event("step", 1.0, "2-a", "a", {"key": "prove", "title": "prove", "state": "failed", "seconds": 1.0, "error": facts}),
        Event("told", 2.0, "2-a", "a", {"decision": "reverted", "downtime_seconds": 0.8}),
        Event("told", 2.0, "2-a", "b", {"decision": "reverted"}),
    ]
    assert {name: host.downtime_seconds for name, host in fold(events).hosts.items()} == {"a": 0.8, "b": None}

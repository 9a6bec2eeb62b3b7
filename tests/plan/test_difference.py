"""What would change: files of two trees, keys of two configurations, and never a value of the environment."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shipway.model.intent import Task
from shipway.model.release import Entry
from shipway.plan.difference import difference, file_changes
from tests.plan.fleet import WEB, facts, intent, release, serving

entries = st.lists(
    st.builds(
        Entry,
        path=st.sampled_from(["a", "b", "c/d", "c/e", "f"]),
        kind=st.sampled_from(["file", "executable", "link"]),
        digest=st.sampled_from(["1" * 64, "2" * 64]),
        size=st.integers(0, 9),
        target=st.just(""),
    ),
    max_size=5,
    unique_by=lambda entry: entry.path,
)


@given(entries, entries)
def test_the_changes_lead_from_one_tree_to_the_other(before: list[Entry], after: list[Entry]) -> None:
    old, new = {e.path: e for e in before}, {e.path: e for e in after}
    changes = file_changes(before, after)
    for change in changes:
        if change.change != "added":
            assert change.before_bytes == old.pop(change.path).size
        if change.change != "removed":
            assert change.after_bytes == new.pop(change.path).size
    assert old == new, "what no change names is the same in both"
    assert [c.path for c in changes] == sorted(c.path for c in changes)
    assert file_changes(before, before) == ()


def test_a_file_that_becomes_executable_has_changed() -> None:
    before, after = Entry("run", "file", "1" * 64, 5), Entry("run", "executable", "1" * 64, 5)
    assert [(c.change, c.what) for c in file_changes([before], [after])] == [("changed", "file to executable")]


def test_settings_are_named_with_their_values_and_the_environment_without() -> None:
    before = intent(("a",), env={"KEPT": "1", "SECRET": "old", "GONE": "1"}, tasks=[Task("install", "install")])
    live = facts(serving(before, [release(1)]))["a"].live
    after = intent(
        ("a",),
        env={"KEPT": "1", "SECRET": "new", "FRESH": "1"},
        processes=(replace(WEB, instances=4), replace(WEB, name="api", run="api $PORT")),
        tasks=[Task("install", "install --all")],
    )
    found = difference(after, release(1), after.environment.hosts[0], live, None)
    assert found.files == (), "the same release"
    assert {s.key: (s.change, s.before, s.after) for s in found.settings} == {
        "process.web.instances": ("changed", "1", "4"),
        "process.api": ("added", "", "api $PORT"),
        "tasks.commands": ("changed", "", ""),
        "env.SECRET": ("changed", "", ""),
        "env.GONE": ("removed", "", ""),
        "env.FRESH": ("added", "", ""),
    }
    assert not found.empty


def test_files_are_unknown_where_the_live_manifest_is_not_at_hand() -> None:
    wanted = intent(("a",))
    live = facts(serving(wanted, [release(1)]))["a"].live
    assert difference(wanted, release(2), wanted.environment.hosts[0], live, None).files is None
    assert difference(wanted, release(1), wanted.environment.hosts[0], live, None).empty
    first = difference(wanted, release(1), wanted.environment.hosts[0], None, None)
    assert first.live == "" and first.files is not None and [f.change for f in first.files] == ["added"]


def test_the_order_in_which_a_host_keeps_keys_is_no_change() -> None:
    wanted = intent(("a",), processes=[WEB])
    live = facts(serving(wanted, [release(1)]))["a"].live
    kept = json.loads(json.dumps(live, sort_keys=True))
    assert difference(wanted, release(1), wanted.environment.hosts[0], kept, ()).settings == ()
    backwards = json.loads(json.dumps(live), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert difference(wanted, release(1), wanted.environment.hosts[0], backwards, ()).settings == ()

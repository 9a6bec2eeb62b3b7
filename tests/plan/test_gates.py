"""What stands in the way is said all at once, and nothing is touched then. tests/plans/refused-* are the texts."""

from __future__ import annotations

from typing import Literal

import pytest

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts, Lack
from shipway.model.intent import Page
from shipway.model.release import Entry
from shipway.plan.facts import read_facts
from shipway.plan.gates import BLOCK_BYTES, RESERVE_BYTES, RESERVE_INODES, pass_gates
from tests.plan.fleet import changed, facts, fresh, intent, release, serving

FILES = (
    Entry("a/b/one", "file", "1" * 64, 1_000_000),
    Entry("a/two", "executable", "2" * 64, 2_000_000),
    Entry("link", "link", target="a"),
)


def host(free_bytes: int | None, free_inodes: int | None, lack: Lack | None = None, releases: tuple[str, ...] = ()) -> dict[str, HostFacts]:
    said = changed(fresh("a"), disk={"free_bytes": free_bytes, "free_inodes": free_inodes}, releases=list(releases))
    return {"a": read_facts("a", said, lack=lack)}


def passes(found: dict[str, HostFacts]) -> bool:
    try:
        pass_gates(intent(("a",)), release(1, FILES), found)
    except Refused as error:
        assert error.code == "disk-full" and "a has" in error.message and error.hint
        return False
    return True


def test_a_host_needs_room_for_what_it_lacks_and_not_for_what_it_has() -> None:
    whole = 3_000_000 + 2 * BLOCK_BYTES + RESERVE_BYTES
    assert passes(host(whole, None)) and not passes(host(whole - 1, None))
    assert passes(host(RESERVE_BYTES, None, Lack(0, 0))) and not passes(host(RESERVE_BYTES - 1, None, Lack(0, 0)))
    assert passes(host(RESERVE_BYTES + 10 + BLOCK_BYTES, None, Lack(1, 10)))
    assert passes(host(RESERVE_BYTES, None, releases=("another",))), "not asked yet, and it may have nearly everything"


def test_inodes_are_counted_for_blobs_and_folders_where_the_file_system_counts_them() -> None:
    assert passes(host(None, 2 + 2 + RESERVE_INODES)) and not passes(host(None, 2 + 2 + RESERVE_INODES - 1))
    assert passes(host(None, None))


@pytest.mark.parametrize(("python", "good"), [("3.9.0", True), ("3.13.0rc1", True), ("3.8.18", False), ("2.7.18", False), ("", False)])
def test_python_on_the_host_is_3_9_or_newer(python: str, good: bool) -> None:
    found = facts({"a": changed(fresh("a"), hello={"python": python})})
    if good:
        pass_gates(intent(("a",)), release(1), found)
    else:
        with pytest.raises(Refused, match=r"3\.9 or newer"):
            pass_gates(intent(("a",)), release(1), found)


def test_a_step_that_runs_is_no_reason_for_the_lease_waits_for_it() -> None:
    busy = [{"deployment": "1-x", "key": "task:install", "since": 1.0}]
    pass_gates(intent(("a",)), release(1), facts({"a": changed(fresh("a"), busy=busy)}))


@pytest.mark.parametrize(
    ("shared", "path", "kind", "hidden"),
    [
        ("media", "media", "file", True),
        ("media", "media/a.png", "file", True),
        ("var/media", "var", "link", True),
        ("var/media", "var/other", "file", False),
        ("media", "media2/a", "file", False),
        ("media", "media", "shared", False),
    ],
)
def test_a_file_that_would_hide_a_shared_path_is_refused(
    shared: str, path: str, kind: Literal["file", "link", "shared"], hidden: bool
) -> None:
    wanted = intent(("a",), shared=(shared,))
    entry = Entry(path, kind, "1" * 64)
    if not hidden:
        pass_gates(wanted, release(1, [entry]), facts({"a": fresh("a")}))
        return
    with pytest.raises(Refused) as raised:
        pass_gates(wanted, release(1, [entry]), facts({"a": fresh("a")}))
    assert raised.value.code == "shadowed"


def test_a_shared_path_may_be_given_up_once_nothing_lives_there() -> None:
    before = intent(("a", "b"), shared=("media",))
    said = serving(before, [release(1)])
    with pytest.raises(Refused, match="no longer shares 'media', which lives on a and b"):
        pass_gates(intent(("a", "b")), release(2), facts(said))
    for name in said:
        said[name]["shared"] = []
    pass_gates(intent(("a", "b")), release(2), facts(said))
    for name in said:
        said[name]["shared"] = ["media/uploads"]
    with pytest.raises(Refused):
        pass_gates(intent(("a", "b")), release(2), facts(said))


@pytest.mark.parametrize(
    ("page", "entry", "good"),
    [
        ("/", Entry("public/index.html", "file", "1" * 64, 1), True),
        ("/?from=mail", Entry("public/index.html", "file", "1" * 64, 1), True),
        ("/about", Entry("public/about/index.html", "file", "1" * 64, 1), True),
        ("/style.css", Entry("public/style.css", "file", "1" * 64, 1), True),
        ("/", Entry("public/elsewhere.html", "file", "1" * 64, 1), False),
        ("/", Entry("index.html", "file", "1" * 64, 1), False),
        ("/", Entry("public", "output"), True),  # a task makes it; nobody knows yet what it will hold
        ("/uploads/a.png", Entry("public/uploads", "shared"), True),
        ("/caf%C3%A9", Entry("public/x", "file", "1" * 64, 1), True),  # not ours to decode: the front door will tell
    ],
)
def test_a_key_page_that_no_file_answers_is_refused_before_visitors_see_it(page: str, entry: Entry, good: bool) -> None:
    wanted = intent(("a",), processes=(), static="public", key_pages=(Page(page),))
    found = facts({"a": fresh("a")})
    if good:
        pass_gates(wanted, release(1, (entry,)), found)
    else:
        with pytest.raises(Refused, match="key page /") as refused:
            pass_gates(wanted, release(1, (entry,)), found)
        assert "public/index.html" in refused.value.hint


def test_a_key_page_is_the_applications_where_there_is_one() -> None:
    pass_gates(intent(("a",), static="public", key_pages=(Page("/"),)), release(1), facts({"a": fresh("a")}))
    moved = Page("/old", status=(404, 410))
    gone = (Entry("public/index.html", "file", "1" * 64, 1),)
    pass_gates(intent(("a",), processes=(), static="public", key_pages=(moved,)), release(1, gone), facts({"a": fresh("a")}))

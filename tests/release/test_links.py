"""Links that would leave the tree are found, by walking as the kernel walks."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shipway.model.errors import Refused
from shipway.model.release import Entry
from shipway.release.links import stray
from tests.release.repositories import Checkout, shipping


def link(path: str, target: str) -> Entry:
    return Entry(path, "link", target=target)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([link("a", "b")], ""),
        ([link("a/b/c", "../../d")], ""),
        ([link("a/b/c", "../..")], ""),
        ([link("a", ".")], ""),
        ([link("a", "..")], "leads out of the tree"),
        ([link("a/b", "../../c")], "leads out of the tree"),
        ([link("a/b", "../c/../../d")], "leads out of the tree"),
        ([link("a", "/etc/passwd")], "is absolute"),
        ([link("a", "a")], ""),
        ([link("a", "b"), link("b", "a")], ""),
        ([link("l", "d/e"), link("a", "l/../..")], ""),
        ([link("d/e/top", "../.."), link("a", "d/e/top/..")], "leads out of the tree"),
        ([link("d/e/top", "../.."), link("a", "d/e/top/d/e/top/../x")], "leads out of the tree"),
        ([Entry("media", "shared"), link("a", "media/x/y")], ""),
        ([Entry("media", "shared"), link("d/a", "../media")], ""),
        ([Entry("media", "shared"), link("a", "media/../x")], "leaves a shared path again with .."),
        ([Entry("media", "shared"), link("m", "media"), link("a", "m/x/../../..")], "leaves a shared path again with .."),
        ([Entry(".venv", "output"), link("python", ".venv/bin/python")], ""),
    ],
)
def test_where_a_link_leads(entries: list[Entry], why: str) -> None:
    found = {entry.path: reason for entry, reason in stray(entries)}
    last = entries[-1].path
    assert found.get(last, "") == why


def test_a_link_through_an_absolute_one_is_told_which() -> None:
    found = {entry.path: reason for entry, reason in stray([link("a", "/etc"), link("b", "a/passwd")])}
    assert found == {"a": "is absolute", "b": "leads through a, which is absolute"}


names = st.sampled_from(["a", "b", "c", "a/x", "a/y", "b/x", "c/x/z"])
targets = st.lists(st.sampled_from(["a", "b", "c", "x", "y", "z", "..", "."]), min_size=1, max_size=6).map("/".join)


@settings(max_examples=80, deadline=None)
@example(links={"a": "a/../.."})
@example(links={"a": "../b"})
@given(links=st.dictionaries(names, targets, max_size=5))
def test_what_is_not_refused_the_kernel_keeps_inside(links: dict[str, str]) -> None:
    """In a real directory, every link that passes resolves below it."""
    kept = {path: target for path, target in links.items() if not any(path.startswith(other + "/") for other in links)}
    refused = {entry.path for entry, _ in stray([link(path, target) for path, target in kept.items()])}
    with tempfile.TemporaryDirectory() as top:
        tree = Path(top).resolve() / "outer" / "tree"
        for directory in ("a", "b", "c/x", "x", "y"):
            if not any(directory == path or directory.startswith(path + "/") for path in kept):
                (tree / directory).mkdir(parents=True, exist_ok=True)
        for path, target in kept.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).symlink_to(target)
        for path in kept:
            assert path in refused or _stays_inside(tree, path)


def _stays_inside(tree: Path, path: str) -> bool:
    try:
        (tree / path).stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return True
    real = os.path.realpath(tree / path)
    return real == str(tree) or real.startswith(str(tree) + os.sep)


def test_all_links_that_leave_are_refused_by_name(checkout: Checkout) -> None:
    checkout.link("good", "a")
    checkout.link("out", "../secret")
    checkout.link("absolute", "/etc/passwd")
    checkout.link("media-link", "media/new")
    checkout.commit(a="1")
    with pytest.raises(Refused) as raised:
        checkout.release(shipment=shipping(shared=("media",)))
    assert raised.value.details == (
        "absolute: is a link to /etc/passwd, which is absolute",
        "out: is a link to ../secret, which leads out of the tree",
    )
    assert raised.value.exit_code == 3

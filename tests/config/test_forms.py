"""Single values: whatever passes is harmless where it goes, a path, a shell's word, an option of ssh or git, an address."""

from __future__ import annotations

import os
import subprocess
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from shipway.config import forms
from tests.config.strategies import few, hostile, many

texts = st.one_of(hostile, st.text(max_size=30), st.text(st.sampled_from("ab.-/~@:_[]0A \n"), max_size=20))


def passes(kind: Any, value: Any) -> Any:
    """What the form makes of the value; None when it refuses it."""
    form = next(part for part in get_args(kind) if isinstance(part, forms.Form))
    try:
        return form.check(value)
    except PydanticCustomError:
        return None


@many
@given(texts)
def test_names_are_plain(text: str) -> None:
    if passes(forms.Name, text) is not None:
        assert text.isascii() and text == text.lower() and text.replace("-", "").isalnum() and text[0] != "-" and len(text) <= 63


@many
@given(texts)
def test_variables_are_names_and_never_ours(text: str) -> None:
    if passes(forms.EnvName, text) is not None:
        assert text.isidentifier() and text.isascii()
        assert text not in ("PORT", "SOCKET", "RELEASE") and not text.startswith("SHIPWAY_")


@many
@given(texts)
@example("a/../b")
@example("a/")
def test_paths_stay_below_the_tree(text: str) -> None:
    path = passes(forms.RelativePath, text)
    if path is not None:
        assert os.path.normpath(f"/tree/{path}") == f"/tree/{path}"
        assert ".git" not in path.lower().split("/")
        assert path.isprintable()


@many
@given(texts)
def test_roots_are_directories_of_their_own(text: str) -> None:
    root = passes(forms.Root, text)
    if root is not None:
        place = root.replace("~", "/home/me", 1) if root.startswith("~") else root
        assert os.path.normpath(place) == place
        assert place not in ("/", "/home/me")


@many
@given(texts)
def test_domains_and_pages_hold_nothing_that_a_header_would_end(text: str) -> None:
    for kind in (forms.Domain, forms.PagePath, forms.Listen, forms.Peer):
        if passes(kind, text) is not None:
            assert text.isascii() and text.isprintable() and " " not in text


@few
@given(st.one_of(hostile, st.text(st.sampled_from("ab/.-@{~^:_"), min_size=1, max_size=8)))
@example("--upload-pack=x")
@example("a.lock")
@example("a..b")
def test_branches_are_what_git_calls_one(text: str) -> None:
    if passes(forms.Branch, text) is not None:
        assert subprocess.run(["git", "check-ref-format", f"refs/heads/{text}"]).returncode == 0


@pytest.mark.parametrize("text", ["main", "release/2.0", "feature/JIRA-1_x", "v1+2", "user@host", "issue#12"])
def test_usual_branches_pass(text: str) -> None:
    assert passes(forms.Branch, text) == text


@pytest.mark.parametrize("text", ["127.0.0.1:8081", ":80", "[::1]:8080", "localhost:1", "0.0.0.0:65535"])
def test_usual_addresses_to_listen_at_pass(text: str) -> None:
    assert passes(forms.Listen, text) == text


@pytest.mark.parametrize("text", [":0", ":65536", "::1:80", "[1.2.3:80", "[]:80", "example.org:80", "127.0.0.1", "1.2.3:80"])
def test_other_addresses_to_listen_at_do_not(text: str) -> None:
    assert passes(forms.Listen, text) is None


@many
@given(st.one_of(texts, st.integers(), st.floats(), st.booleans(), st.lists(st.text(max_size=3), max_size=3), st.none()))
def test_a_command_is_text_or_words(value: Any) -> None:
    command = passes(forms.Command, value)
    if command is not None:
        assert isinstance(command, str | tuple)
        assert command and not any("\0" in word for word in command)

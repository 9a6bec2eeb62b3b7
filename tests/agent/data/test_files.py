"""Copies of a directory share what did not change with the copy before, and nothing with what lives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shipway_agent.data import points
from shipway_agent.errors import AgentError
from tests.agent.data.kept import Kept, of

FILES = of("files", path="media", leave_out=["cache"])


@pytest.fixture
def home(home: Kept) -> Kept:
    media = home.path / "shared/media"
    (media / "deep/er").mkdir(parents=True)
    (media / "cache").mkdir()
    (media / "a.txt").write_text("one")
    (media / "deep/er/b.txt").write_text("two")
    (media / "cache/junk").write_text("junk")
    (media / "link").symlink_to("a.txt")
    return home


def copied(home: Kept, point: str, path: str) -> Path:
    return home.path / "data/main" / point / "tree" / path


def test_what_is_copied_is_what_was_there(home: Kept) -> None:
    made = home.take(FILES)
    assert copied(home, made["point"], "deep/er/b.txt").read_text() == "two"
    assert os.readlink(copied(home, made["point"], "link")) == "a.txt"
    assert not copied(home, made["point"], "cache").exists()
    assert (made["rows"], made["bytes"]) == (2, 6)


def test_what_is_overwritten_in_place_is_whole_in_the_copy(home: Kept) -> None:
    made = home.take(FILES)
    (home.path / "shared/media/a.txt").write_text("gone")
    assert copied(home, made["point"], "a.txt").read_text() == "one"


def test_what_did_not_change_takes_no_room_again(home: Kept) -> None:
    first = home.take(FILES)
    (home.path / "shared/media/a.txt").write_text("three")
    second = home.take(FILES)
    same = [copied(home, point["point"], "deep/er/b.txt").stat().st_ino for point in (first, second)]
    other = [copied(home, point["point"], "a.txt").read_text() for point in (first, second)]
    assert same[0] == same[1]
    assert other == ["one", "three"]


@pytest.mark.parametrize("spoil", ["flip", "lose"])
def test_a_copy_that_was_damaged_is_told(home: Kept, spoil: str) -> None:
    made = home.take(FILES)
    there = copied(home, made["point"], "deep/er/b.txt")
    there.write_text("twp") if spoil == "flip" else there.unlink()
    with points.opened(home.root, made["point"]) as point, pytest.raises(AgentError) as said:
        points.source_of(home.root, FILES, home.work()).read(point, points.about(point))
    assert said.value.code == "point-damaged"
    assert said.value.lines == ("deep/er/b.txt",)


def test_a_directory_that_is_not_there_is_no_empty_one(home: Kept) -> None:
    with pytest.raises(AgentError, match="is no directory") as said:
        home.take(of("files", path="medai"))
    assert said.value.code == "no-directory"


def test_a_directory_is_as_it_was_and_what_differed_is_kept(home: Kept) -> None:
    made = home.take(FILES)
    media = home.path / "shared/media"
    (media / "a.txt").write_text("wrong")
    (media / "deep/er/b.txt").unlink()
    (media / "later").mkdir()
    (media / "later/c.txt").write_text("new")
    (media / "link").unlink()
    (media / "link").symlink_to("elsewhere")
    (media / "cache/junk").write_text("other junk")
    back = home.put_back(FILES, made["point"])
    assert (media / "a.txt").read_text() == "one"
    assert (media / "deep/er/b.txt").read_text() == "two"
    assert os.readlink(media / "link") == "a.txt"
    assert not (media / "later").exists()
    assert (media / "cache/junk").read_text() == "other junk", "what copies leave out is nobody's to touch"
    kept = Path(back["kept"])
    assert (kept / "a.txt").read_text() == "wrong"
    assert (kept / "later/c.txt").read_text() == "new"
    (media / "a.txt").write_text("once more")
    assert copied(home, made["point"], "a.txt").read_text() == "one", "what is live shares nothing with the point"

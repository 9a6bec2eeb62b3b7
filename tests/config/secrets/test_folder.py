"""A folder of a checkout: a file for each value, and a list of recipients that `age -R` reads as well."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.config.secrets.folder import Folder, Recipient, place_of, read_recipients, recipients_text

labels = st.from_regex(r"([a-z0-9@.]([a-z0-9@. -]{0,10}[a-z0-9@.])?)?", fullmatch=True)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.builds(Recipient, key=st.from_regex(r"age1[a-z0-9]{5}", fullmatch=True), label=labels), max_size=4))
def test_recipients_are_read_as_they_were_written(recipients: list[Recipient]) -> None:
    assert read_recipients(recipients_text(recipients)) == tuple(recipients)


def test_a_list_that_git_could_not_merge_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="conflict markers of git on line 2: keep the recipients of both sides"):
        read_recipients("age1a\n<<<<<<< HEAD\nage1b\n=======\nage1c\n>>>>>>> x\n")


def test_values_are_files_of_their_own(tmp_path: Path) -> None:
    folder = Folder(tmp_path / place_of("server", "production"))
    assert folder.sealed() == {} and folder.recipients() == ()
    folder.write("B", b"2")
    folder.write("A", b"1")
    folder.write("A", b"3")
    folder.write_recipients([Recipient("age1x", "ann")])
    assert dict(folder.sealed()) == {"A": b"3", "B": b"2"} and folder.recipients() == (Recipient("age1x", "ann"),)
    folder.remove("A")
    below = tmp_path / "server/.shipway-secrets/production"
    assert sorted(path.name for path in below.iterdir()) == ["B.age", "recipients"], "nothing is left beside them"
    assert place_of(".", "production") == ".shipway-secrets/production"

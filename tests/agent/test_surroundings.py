"""What every command of a release finds in its environment."""

from __future__ import annotations

import os
import pwd

import pytest

from shipway_agent import surroundings


def test_a_command_finds_its_user_and_nothing_of_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_LOGIN", "x")
    own = pwd.getpwuid(os.geteuid())
    found = surroundings.defaults()
    assert (found["USER"], found["HOME"]) == (own.pw_name, own.pw_dir)
    assert "SECRET_OF_THE_LOGIN" not in found


@pytest.mark.parametrize(("home", "wanted"), [("/home/app", "/home/app"), ("", "/")])
def test_a_user_that_is_only_a_number_has_the_home_that_it_is_told(monkeypatch: pytest.MonkeyPatch, home: str, wanted: str) -> None:
    """As in a container that was started with --user 20002."""
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    monkeypatch.setenv("HOME", home)
    assert surroundings.account() == surroundings.Account("4000000000", wanted)

"""What tests of the release stage get: a home of their own, and real git repositories in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.release.repositories import Checkout


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the settings of whoever runs it, nor fills that person's cache."""
    home = tmp_path.resolve() / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    return home


@pytest.fixture
def checkout(tmp_path: Path, home: Path) -> Checkout:
    """An empty checkout on branch main."""
    return Checkout.new(tmp_path.resolve() / "checkout")

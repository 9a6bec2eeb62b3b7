"""A directory in, its shipway.toml out."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.config.locate import Place, locate
from shipway.model.errors import WrongInput


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    top = tmp_path.resolve() / "checkout"
    (top / ".git").mkdir(parents=True)
    (top / "services/shop/deep").mkdir(parents=True)
    return top


def test_the_file_at_the_top_is_found_from_below(checkout: Path) -> None:
    (checkout / "shipway.toml").touch()
    assert locate(checkout / "services/shop") == Place(checkout, ".")
    assert locate(checkout) == Place(checkout, ".")
    assert Place(checkout, ".").file == "shipway.toml"


def test_the_nearest_file_counts(checkout: Path) -> None:
    (checkout / "shipway.toml").touch()
    (checkout / "services/shop/shipway.toml").touch()
    place = locate(checkout / "services/shop/deep")
    assert place == Place(checkout, "services/shop")
    assert place.file == "services/shop/shipway.toml"


def test_a_worktrees_git_is_a_file(checkout: Path) -> None:
    (checkout / ".git").rmdir()
    (checkout / ".git").write_text("gitdir: /elsewhere\n")
    (checkout / "shipway.toml").touch()
    assert locate(checkout).repository == checkout


def test_it_does_not_look_beyond_the_repository(checkout: Path) -> None:
    (checkout.parent / "shipway.toml").touch()
    with pytest.raises(WrongInput) as raised:
        locate(checkout / "services")
    assert raised.value.message == f"there is no shipway.toml between {checkout / 'services'} and {checkout}"
    assert raised.value.code == "no-config"


def test_outside_of_a_repository(tmp_path: Path) -> None:
    with pytest.raises(WrongInput) as raised:
        locate(tmp_path)
    assert raised.value.code == "no-repository"
    assert "git init" in raised.value.hint


def test_a_link_to_a_directory_is_followed_to_its_own_repository(checkout: Path, tmp_path: Path) -> None:
    (checkout / "shipway.toml").touch()
    (tmp_path / "link").symlink_to(checkout / "services")
    assert locate(tmp_path / "link").repository == checkout

"""A directory in, the shipway.toml that counts there and its repository out."""

from __future__ import annotations

from pathlib import Path

from shipway.model.errors import WrongInput
from shipway_agent.record import dataclass

FILE = "shipway.toml"


@dataclass(frozen=True, slots=True)
class Place:
    """`repository` is the top of the checkout; `directory` is where the file lies in it ("." for the top)."""

    repository: Path
    directory: str

    @property
    def file(self) -> str:
        """The file's path inside the repository: at any commit, the file at this place counts."""
        return FILE if self.directory == "." else f"{self.directory}/{FILE}"


def locate(start: Path) -> Place:
    """Look upward from `start` to the top of its repository. Raises WrongInput."""
    start = start.resolve()
    below = [start, *start.parents]
    top = find_top(start)
    for directory in below[: below.index(top) + 1]:
        if _is_there(directory / FILE):
            return Place(top, directory.relative_to(top).as_posix())
    raise WrongInput(
        f"there is no {FILE} between {start} and {top}",
        state="nothing was touched",
        hint=f"Type `shipway init`: it writes a {FILE} for what is committed here. Commit it then.",
        code="no-config",
    )


def find_top(start: Path) -> Path:
    """The top of the checkout that a directory lies in. Raises WrongInput."""
    start = start.resolve()
    top = next((directory for directory in (start, *start.parents) if _is_there(directory / ".git")), None)
    if top is None:
        raise WrongInput(
            f"{start} is not in a git repository",
            state="nothing was touched",
            hint="Shipway ships commits: go to your checkout, or type `git init` and commit.",
            code="no-repository",
        )
    return top


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except OSError:
        return False
    return True

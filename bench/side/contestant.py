"""What every contestant answers: how it is made ready, which command each step is, and where a host then serves from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.side.net import Net
from bench.side.recipe import RESTART, TASK_SECONDS, Recipe, Shape

APP = "/home/deploy/app"


@dataclass(frozen=True)
class Step:
    """`serves` is the version every host serves afterwards, "" where nothing changes. `times` it is measured.

    What one that `keeps` leaves running on the operator's side is there for the next.
    """

    name: str
    serves: str = ""
    times: int = 1
    keeps: bool = False


FIRST, SMALL, ROLLBACK, NONE = Step("first", "v1"), Step("small", "v2"), Step("rollback", "v1"), Step("none", "v1")
DEPLOYMENTS = (FIRST, SMALL, ROLLBACK, NONE)
"""In this order: nothing to roll back to may lie between a release and its repetition."""


@dataclass(frozen=True)
class Command:
    """As the operator types it. `env` is added to its own; `directory` is where."""

    argv: Sequence[str]
    directory: Path
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """Where a contestant works: a net, the recipe, and a directory of the operator's that is empty at first."""

    net: Net
    recipe: Recipe
    place: Path


class Contestant(Protocol):
    """One tool, or one baseline. `pulls`: hosts fetch the code from a git repository in their own network."""

    @property
    def name(self) -> str: ...

    @property
    def travels(self) -> str:
        """How the code reaches the hosts, in a few words."""

    @property
    def pulls(self) -> bool: ...

    @property
    def shape(self) -> Shape:
        """What it deploys."""

    @property
    def steps(self) -> Sequence[Step]: ...

    def missing(self) -> str | None:
        """What lacks on this machine, after an attempt to install it; None where it can run."""

    def ready(self, stage: Stage) -> None:
        """What a person has done once, before the first deployment; not measured."""

    def command(self, stage: Stage, step: Step) -> Command: ...

    def current(self, home: Path) -> Path:
        """The link on a host whose change is the switch, from the home of its user."""

    def served(self, home: Path) -> Path | None:
        """The tree that it leads to; None where nothing is deployed."""

    def task_seconds(self, step: Step) -> float:
        """How long the tasks sleep that it runs in this step, and that it cannot avoid."""


def usual_task_seconds(step: Step) -> float:
    """Of those that run every task at each deployment, and restart in any case."""
    return RESTART if step.name == "rollback" else TASK_SECONDS


def current_link(home: Path) -> Path:
    """APP/current."""
    return home / "app/current"


def linked(home: Path) -> Path | None:
    """The release that it leads to: an absolute link on the host."""
    current = current_link(home)
    return home / "app" / current.readlink().relative_to(APP) if current.is_symlink() else None

"""A script written by hand: rsync over one shared connection a host, a barrier after each step. What a tool must not be slower than."""

from __future__ import annotations

from pathlib import Path

from bench.side.contestant import DEPLOYMENTS, Command, Stage, Step, current_link, linked, usual_task_seconds
from bench.side.contestants.debian import missing
from bench.side.contestants.environment import recipe_environment
from bench.side.recipe import USUAL

SCRIPT = Path(__file__).parents[1] / "recipes/sh/deploy.sh"


class Script:
    """It proves nothing, undoes nothing and records nothing."""

    name = "sh"
    travels = "rsync --link-dest"
    pulls = False
    shape = USUAL
    steps = DEPLOYMENTS

    def missing(self) -> str | None:
        return missing("rsync", "rsync")

    def ready(self, stage: Stage) -> None:
        pass

    def command(self, stage: Stage, step: Step) -> Command:
        return Command([str(SCRIPT), "rollback" if step.name == "rollback" else "deploy"], stage.place, recipe_environment(stage, step))

    def current(self, home: Path) -> Path:
        return current_link(home)

    def served(self, home: Path) -> Path | None:
        return linked(home)

    def task_seconds(self, step: Step) -> float:
        return usual_task_seconds(step)

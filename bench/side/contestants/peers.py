"""The tools that people deploy with today, on the same recipe: each as its own documentation does it, with all hosts at once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.side.contestant import DEPLOYMENTS, Command, Stage, Step, current_link, linked, usual_task_seconds
from bench.side.contestants import debian, python_tools
from bench.side.contestants.environment import recipe_environment
from bench.side.recipe import USUAL, Shape

RECIPES = Path(__file__).parents[1] / "recipes"


@dataclass(frozen=True)
class Peer:
    """`deploy` and `rollback` are typed in a copy of `recipes/FOLDER`; `program` is a package of Debian's, else one of `python_tools`."""

    name: str
    travels: str
    folder: str
    deploy: Sequence[str]
    rollback: Sequence[str]
    pulls: bool = True
    shape: Shape = USUAL
    program: str | None = None
    mitogen: bool = False
    steps: Sequence[Step] = DEPLOYMENTS

    def missing(self) -> str | None:
        return debian.missing(self.program, "capistrano") if self.program else python_tools.missing()

    def ready(self, stage: Stage) -> None:
        shutil.copytree(RECIPES / self.folder, stage.place / self.folder)

    def command(self, stage: Stage, step: Step) -> Command:
        argv = self.rollback if step.name == "rollback" else self.deploy
        return Command(argv, stage.place / self.folder, {**recipe_environment(stage, step), **self._env(stage)})

    def current(self, home: Path) -> Path:
        return current_link(home)

    def served(self, home: Path) -> Path | None:
        return linked(home)

    def task_seconds(self, step: Step) -> float:
        return usual_task_seconds(step)

    def _env(self, stage: Stage) -> Mapping[str, str]:
        found = {"BENCH_ORIGIN": stage.net.origin_url} if self.pulls else {}
        if not self.program:
            found["PATH"] = f"{python_tools.programs()}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        if self.mitogen:
            found |= {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(python_tools.strategies())}
        return found


CAP = ("cap", "production")
PEERS = (
    Peer("capistrano", "hosts pull from git", "capistrano", (*CAP, "deploy"), (*CAP, "deploy:rollback"), program="cap"),
    Peer("ansible", "hosts pull from git", "ansible", ("./run.sh", "deploy"), ("./run.sh", "rollback")),
    Peer("mitogen", "hosts pull from git", "ansible", ("./run.sh", "deploy"), ("./run.sh", "rollback"), mitogen=True),
    Peer("fabric", "a tar.gz a host", "fabric", ("fab", "deploy"), ("fab", "rollback"), pulls=False),
    Peer("pyinfra", "hosts pull from git", "pyinfra", ("./run.sh", "deploy"), ("./run.sh", "rollback")),
)  # fmt: skip

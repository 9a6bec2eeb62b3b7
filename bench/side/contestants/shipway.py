"""Shipway, as it lies in this checkout: a small process without a listener, so that it needs no proxy where its peers have none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.side.contestant import DEPLOYMENTS, FIRST, ROLLBACK, SMALL, Command, Stage, Step, usual_task_seconds
from bench.side.recipe import RESTART, USUAL, Shape
from tests.apps.repository import Repository

ROOT = Path(__file__).parents[3]
SHIPWAY = Path(sys.executable).with_name("shipway")
ENVIRONMENT = "production"
BYTECODE = {"PYTHONPYCACHEPREFIX": str(ROOT / ".venv/bytecode")}
"""An installation has its bytecode."""


class Shipway:
    """Its process takes the place of the restart: it must have run for as long as that sleeps (`steady_seconds`).

    A deployment that changes nothing runs no task and starts nothing.
    """

    name = "shipway"
    travels = "the blobs that a host lacks"
    pulls = False
    shape = USUAL
    env: Mapping[str, str] = BYTECODE
    steps: Sequence[Step] = (*DEPLOYMENTS, Step("status", times=5))

    def missing(self) -> str | None:
        return None

    def ready(self, stage: Stage) -> None:
        """A checkout whose HEAD names the hosts."""
        subprocess.run([sys.executable, "-m", "compileall", "-q", "src"], cwd=ROOT, env=stage.net.env(BYTECODE), check=True)
        subprocess.run(["git", "clone", "--quiet", str(stage.recipe.repository), str(stage.place / "project")], check=True)
        project = Repository(stage.place / "project")
        project.git("checkout", "--quiet", "-B", "main", "v2")
        project.write("shipway.toml", stage.recipe.shape.configuration + environment(stage.net.names))
        project.commit("Hosts")

    def command(self, stage: Stage, step: Step) -> Command:
        words = {"rollback": ["rollback", ENVIRONMENT], "status": ["status", ENVIRONMENT]}
        deploy = ["deploy", ENVIRONMENT, "--ref", step.serves]
        return Command([str(SHIPWAY), *words.get(step.name, deploy)], stage.place / "project", self.env)

    def current(self, home: Path) -> Path:
        return home / f".shipway/apps/bench-{ENVIRONMENT}/current"

    def served(self, home: Path) -> Path | None:
        current = self.current(home)
        return (current / "release").resolve() if current.is_symlink() else None

    def task_seconds(self, step: Step) -> float:
        return usual_task_seconds(step) if step.name in ("first", "small", "rollback") else 0.0


class ShipwayWeb(Shipway):
    """With a process that listens: Caddy is brought to each host, health is asked, and the front door answers with the new release."""

    name = "shipway-web"
    shape = Shape(web=True)
    steps = DEPLOYMENTS

    def task_seconds(self, step: Step) -> float:
        return usual_task_seconds(step) - RESTART if step.name in ("first", "small", "rollback") else 0.0


class ShipwayWarm(Shipway):
    """Over the connections that the command before left open. The login that proves is a new one all the same."""

    name = "shipway-warm"
    env: Mapping[str, str] = {**BYTECODE, "SHIPWAY_WARM_SECONDS": "120"}
    steps = (FIRST, replace(SMALL, keeps=True), ROLLBACK)


def environment(names: tuple[str, ...]) -> str:
    """The table of these hosts, at the end of shipway.toml."""
    hosts = "".join(f'  {{ name = "{name}", address = "{name}" }},\n' for name in names)
    return f"\n[environment.{ENVIRONMENT}]\nwatch_seconds = 0\nhosts = [\n{hosts}]\n"

"""A stage and a step in; out, what every peer's recipe reads from its environment: hosts, version, repository and tasks."""

from __future__ import annotations

from bench.side.contestant import APP, Stage, Step
from bench.side.recipe import COLLECT, INSTALL, MIGRATE, RESTART


def recipe_environment(stage: Stage, step: Step) -> dict[str, str]:
    """`BENCH_…`, the same for all of them."""
    return {
        "BENCH_HOSTS": " ".join(stage.net.names),
        "BENCH_APP": APP,
        "BENCH_VERSION": step.serves,
        "BENCH_REPOSITORY": str(stage.recipe.repository),
        "BENCH_PLACE": str(stage.place),
        "BENCH_INSTALL": f"sleep {INSTALL}",
        "BENCH_MIGRATE": f"sleep {MIGRATE}",
        "BENCH_COLLECT": f"sleep {COLLECT}",
        "BENCH_RESTART": f"sleep {RESTART}",
    }

"""Hosts in, one bare parallel login to each out: what nobody can be faster than who asks every host over ssh."""

from __future__ import annotations

from pathlib import Path

from bench.side.contestant import Command, Stage, Step
from bench.side.recipe import USUAL

SCRIPT = """\
all=
for host; do ssh -o BatchMode=yes "$host" true & all="$all $!"; done
for one in $all; do wait "$one" || exit 1; done
"""


class Logins:
    """`ssh HOST true`, all at once, nine times."""

    name = "logins"
    travels = "nothing"
    pulls = False
    shape = USUAL
    steps = (Step("logins", times=9),)

    def missing(self) -> str | None:
        return None

    def ready(self, stage: Stage) -> None:
        pass

    def command(self, stage: Stage, step: Step) -> Command:
        return login(stage)

    def current(self, home: Path) -> Path:
        return home

    def served(self, home: Path) -> Path | None:
        return None

    def task_seconds(self, step: Step) -> float:
        return 0.0


def login(stage: Stage) -> Command:
    """One round of them."""
    return Command(["/bin/sh", "-c", SCRIPT, "logins", *stage.net.names], stage.place)

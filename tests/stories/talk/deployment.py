"""A directory and a scale in, the talk's application on two local hosts out, deployed by the real `shipway deploy` under load."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from load import Load, Outcome
from tests.apps import Repository
from tests.stories.project import SAMPLE, Project, local, phase_of
from tests.stories.talk.table import SECONDS, Did, Run, in_order

STEP = Path(__file__).with_name("step.py")

VERSIONS = ("v1", "v2", "v3")
SETTINGS = """\
app = "talk"
shared = ["media"]
env = {{ TALK_SCALE = "{scale}" }}

[process.web]
run = "{python} -IS step.py reload_server {reload_server:g} && exec {python} app.py"
health = {{ path = "/up", contains = "ok", within_seconds = 60 }}
drain_seconds = 10

[[task]]
name = "install"
run = "{python} -IS step.py install_requirements {install_requirements:g}"

[[task]]
name = "collectstatic"
run = "{python} -IS step.py collectstatic {collectstatic:g}"

[[task]]
name = "backup"
phase = "activate"
once = true
run = "{python} -IS step.py backup_database {backup_database:g}"

[[task]]
name = "migrate"
phase = "activate"
once = true
run = "{python} -IS step.py migrate_database {migrate_database:g}"

"""


@dataclass(frozen=True)
class Shipped:
    """One deployment: the talk's figures of it, what visitors got meanwhile, its report, and when the first host began to switch.

    `switched_at` is in seconds since the epoch.
    """

    run: Run
    outcome: Outcome
    report: dict[str, Any]
    switched_at: float


class Talk:
    """Two hosts. The talk's deploy_code is shipping, its switch_release the switch, its reload_server a process that comes up."""

    def __init__(self, place: Path, scale: float, hosts: Sequence[str] = ("a", "b")) -> None:
        text, self.doors = local(place, hosts, more="watch_seconds = 0\nconfirm_seconds = 30\nkeep_releases = 9")
        self.scale = scale
        self.roots = {name: place / name for name in hosts}
        self.repository = repository = Repository(place / "talk")
        self._environment = text
        repository.write("app.py", SAMPLE.read_text(encoding="utf-8"))
        repository.write("step.py", STEP.read_text(encoding="utf-8"))
        repository.write("shipway.toml", SETTINGS.format(scale=scale, python=sys.executable, **SECONDS) + text)
        for version in VERSIONS:
            self._commit(version)
        self.project = Project(repository, "local")

    def lasts(self, scale: float) -> None:
        """Commit one more version, v4, in which one of the talk's seconds lasts `scale`."""
        self.repository.write("shipway.toml", SETTINGS.format(scale=scale, python=sys.executable, **SECONDS) + self._environment)
        self._commit("v4")

    def pace(self, host: str, times: float) -> None:
        """From now on every step takes this many times as long on `host`."""
        (self.roots[host] / "shared/media/pace").write_text(str(times))

    def deploy(self, version: str) -> Shipped:
        """`shipway deploy`, while visitors of every host ask for its version all the time."""
        with Load(*self.doors.values(), kinds=("keep-alive", "fresh"), page="/version", scale=0.4) as load:
            began = time.monotonic()
            self.project.deploy(version)
            whole = time.monotonic() - began
            outcome = load.stop()
        report = self.project.report()
        did = self.noted(version)
        migration = next(one for one in did if one.step == "migrate_database")
        exposed = phase_of(report, "verify")[1] - migration.began
        run = Run(self.scale, did, whole, float(report["activation_seconds"]), exposed, outcome.failed, outcome.sent)
        return Shipped(run, outcome, report, phase_of(report, "switch")[0])

    def _commit(self, version: str) -> None:
        self.repository.write("VERSION", f"{version.removeprefix('v')}\n")
        self.repository.commit(f"Version {version}", version)

    def noted(self, version: str) -> tuple[Did, ...]:
        """What the hosts' own steps wrote down of this version, in order."""
        found = []
        for host, root in self.roots.items():
            for line in (root / "shared/media/steps").read_text(encoding="utf-8").splitlines():
                said = json.loads(line)
                if f"v{said['version']}" == version:
                    found.append(Did(said["began"], said["ended"], host, said["step"]))
        return in_order(found)

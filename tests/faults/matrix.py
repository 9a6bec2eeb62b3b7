"""Groups of faults in, a Result for each case out: grounds are kept from case to case, and one on which a promise broke is left."""

from __future__ import annotations

import random
import re
import shutil
import time
import traceback
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from tests.faults import spares
from tests.faults.case import Case, Family, Group, Result
from tests.faults.ground import Ground, Times
from tests.faults.processes import described
from tests.faults.promises import broken_promises, failures, quiet
from tests.faults.trial import Trial, under_load


class Matrix:
    """Runs cases, one after the other. `directory` gets a folder for each, which goes when its promises were kept. Use it as a block."""

    def __init__(self, directory: Path, times: Times = Times()) -> None:
        self.directory = directory
        self.times = times
        self._stack = ExitStack()
        self._ground: Ground | None = None

    def __enter__(self) -> Matrix:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def ground(self, family: Family) -> Ground:
        """A standing fleet as the family wants it: the one that is there, else a new one in its place."""
        if self._ground is None or (self._ground.size, self._ground.disk, self._ground.kind) != (
            family.hosts,
            family.disk,
            family.books,
        ):
            self.leave()
            self._ground = self._stack.enter_context(Ground(family.hosts, self.times, family.disk, family.books))
        return self._ground

    def leave(self) -> None:
        """Take the fleet down."""
        self._ground = None
        self._stack.close()
        self._stack = ExitStack()

    def cases(self, family: Family) -> list[Case]:
        """All cases of a family; where it looks, on a fleet that is quiet again."""
        if not family.looks:
            return outlined(family)
        found = list(family.cases(self.ground(family)))
        self.ground(family).settled()
        return found

    def run(self, group: Group, family: Family, case: Case) -> Result:
        """One case from a quiet fleet to a quiet fleet. Never raises for what goes wrong in it."""
        name = full_name(group, family, case)
        directory = self.directory / re.sub(r"[^\w.#-]+", "-", name)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        began = time.monotonic()
        trial = Trial(self.ground(family), directory, self.times)
        try:
            if family.spare:
                trial.spares = spares.laid(trial.ground)
                trial.began_at = time.time()
            self._play(trial, case)
            trial.used = spares.used(trial.ground, trial.spares)
        except Exception as error:
            trial.broken.append(f"{type(error).__name__}: {error}")
            (directory / "traceback").write_text(traceback.format_exc())
        finally:
            trial.end()
        result = _result(name, trial, time.monotonic() - began)
        if trial.broken:
            keep_evidence(trial)
            self.leave()
        else:
            shutil.rmtree(directory)
        return result

    def _play(self, trial: Trial, case: Case) -> None:
        with under_load(trial):
            case.run(trial)
            trial.broken += quiet(trial)
            if not trial.asked or trial.asked[-1].code != 0:
                trial.status()
        trial.broken += broken_promises(trial)


def _result(name: str, trial: Trial, seconds: float) -> Result:
    decided, outcome = trial.decided_seconds, trial.outcome
    sent, all_failed = (outcome.sent, outcome.failed) if outcome is not None else (0, 0)
    failed = len(failures(trial))
    evidence = str(trial.directory) if trial.broken else ""
    took = None if decided is None else round(decided, 2)
    return Result(
        name, tuple(trial.broken), round(seconds, 2), took, sent, failed, evidence, all_failed - failed, len(trial.spares), trial.used
    )


def outlined(family: Family) -> list[Case]:
    """The cases of a family that does not look, without a fleet."""
    return list(family.cases(Ground(family.hosts, Times(), kind=family.books)))


def full_name(group: Group, family: Family, case: Case) -> str:
    """What --case takes."""
    return f"{group.name}/{family.name}/{case.name}"


def keep_evidence(trial: Trial) -> None:
    """What was seen, beside what the drives said."""
    ground, directory = trial.ground, trial.directory
    (directory / "broken").write_text("\n".join(trial.broken) + "\n")
    (directory / "status").write_text("".join(f"{asked}\n" for asked in trial.asked))
    for host in ground.names:
        seen = "".join(f"{one}\n" for one in ground.watch.during(host, trial.began_at, float("inf")))
        (directory / f"{host}.seen").write_text(seen)
        try:
            journal = "".join(f"{event}\n" for event in ground.journal(host, since=trial.began_at))
            logs = ground.hosts.run(
                host, ["sh", "-c", "tail -n 200 .shipway/apps/*/logs/*.log .shipway/proxy/logs/*.log"], check=False
            ).stdout
        except (OSError, RuntimeError) as error:
            journal, logs = f"cannot be read: {error}\n", b""
        (directory / f"{host}.journal").write_text(journal)
        (directory / f"{host}.logs").write_bytes(logs)
        (directory / f"{host}.processes").write_text("".join(f"{described(pid)} {text}\n" for pid, text in ground.hosts.pids(host).items()))
    if trial.outcome is not None:
        (directory / "load").write_text(f"{trial.outcome}\n")


def chosen(groups: list[Group], names: list[str]) -> list[tuple[Group, Family]]:
    """The families that GROUP, GROUP/FAMILY or GROUP/FAMILY/CASE name; all of them when there are no names. Raises ValueError."""
    every = [(group, family) for group in groups for family in group.families]
    if not names:
        return every
    wanted = [name.split("/")[:2] for name in names]
    found = [(g, f) for g, f in every if [g.name] in wanted or [g.name, f.name] in wanted]
    known = {g.name for g, _ in found} | {f"{g.name}/{f.name}" for g, f in found}
    if missing := [name for name in names if "/".join(name.split("/")[:2]) not in known]:
        raise ValueError(f"no such group or family: {', '.join(missing)}; there are {', '.join(f'{g.name}/{f.name}' for g, f in every)}")
    return found


def drawn(groups: Iterable[Group], seed: str) -> list[tuple[Group, Family]]:
    """A family of each group, drawn by `seed`; those whose fleets are as large follow each other, so that one fleet serves them all."""
    families = [
        (group, random.Random(f"{seed} {group.name}").choice([family for family in group.families if not family.slow])) for group in groups
    ]
    return sorted(families, key=lambda one: one[1].hosts)


def sampled(matrix: Matrix, group: Group, family: Family, count: int, seed: str) -> list[Case]:
    """`count` cases of a family, drawn by `seed`."""
    cases = matrix.cases(family)
    return random.Random(f"{seed} {group.name}/{family.name}").sample(cases, min(count, len(cases)))

"""A release's Alembic revisions in; out, each applied or taken back by `alembic` itself, one step at a time.

Alembic's table has the heads alone: what is below them is known from the files, and below a head that this release does not have, from
the files of a release on this host that has it.
"""

from __future__ import annotations

import shlex
from typing import Any, Dict, List, Sequence, Tuple

from shipway_agent.data.migrations.database import opened
from shipway_agent.data.migrations.declared import Migrations, folder_of, migrations_of, runner_of
from shipway_agent.data.migrations.migration import Migration, Say
from shipway_agent.data.migrations.revisions import Place, Revision, ancestors, heads_of, place_of, read_revisions
from shipway_agent.data.programs import Work
from shipway_agent.errors import AgentError
from shipway_agent.primitives import Context, generations

RUN = "alembic"
BASE = "base"


class Alembic:
    """`run` of [migrations] is what runs it; its env.py finds the database by itself, as it always does."""

    def __init__(self, context: Context, declared: Migrations, work: Work, keep: Tuple[int, ...]) -> None:
        self._context = context
        self._declared = declared
        self._work = work
        self._keep = keep
        self._files: Dict[str, Revision] = {}

    def applied(self) -> List[str]:
        """Below a head in the order of the files: in which order branches were applied nobody has written down."""
        heads = self._heads()
        under = [below for name in heads if name not in self._revisions() for below in self._under(name)]
        there = ancestors(self._revisions(), [*heads, *under])
        return list(dict.fromkeys([*(name for name in self._revisions() if name in there), *under]))

    def known(self) -> List[Migration]:
        return [one.migration for one in self._revisions().values()]

    def apply(self, migration: Migration, say: Say) -> None:
        self._run(["upgrade", migration.name], say)

    def reverse(self, name: str, say: Say) -> None:
        one, there = self._revisions()[name], set(self.applied())
        above = [other.name for other in self._revisions().values() if other.name in there and name in other.below + other.needs]
        if above:
            raise AgentError("migration-failed", f"{', '.join(above)} stands on {name}, and is applied", untouched=True)
        # What is named in front of @ is the branch: others that go on from the same revision stay.
        self._run(["downgrade", f"{name}@{one.below[0] if one.below else BASE}"], say)
        left = set(self.applied())
        if left != there - {name}:
            more = ", ".join(sorted((there - {name}) ^ left)) or name
            raise AgentError("migration-failed", f"alembic took back something else: {more}", open=True)

    def mark(self, name: str, applied: bool) -> None:
        there = set(self.applied())
        strangers = sorted(there - set(self._revisions()))
        if strangers:
            raise AgentError(
                "migration-failed", f"this release does not have {', '.join(strangers)}: its code cannot write what is applied"
            )
        heads = heads_of(self._revisions(), there | {name} if applied else there - {name})
        self._run(["stamp", "--purge", *(heads or [BASE])], _nobody)

    def changed(self) -> List[str]:
        return []

    def finish(self, say: Say) -> None:
        """Nothing follows them."""

    def close(self) -> None:
        """Nothing stays."""

    def _run(self, words: Sequence[str], say: Say) -> None:
        runner = runner_of(self._context, self._declared)
        run = self._declared.run or RUN
        command: Any = f"{run} {' '.join(map(shlex.quote, words))}" if isinstance(run, str) else [*run, *words]
        ended = runner.run(command, runner.timeout_seconds, say, self._work.moot, keep=self._keep)
        if ended.exit != 0:
            how = "said no"
            if ended.exit is None:
                how = "was ended, for the lock in the database was lost" if self._work.moot() else "was ended, for it took too long"
            last = f" ({ended.lines[-1]})" if ended.lines else ""
            raise AgentError("migration-failed", f"alembic {words[0]} {how}{last}", ended.lines)

    def _heads(self) -> List[str]:
        with opened(self._context.root, self._declared.data, self._work.to_its_end()) as database:
            return [row[0] for row in database.rows(self._place().table, ["version_num"], "version_num")]

    def _revisions(self) -> Dict[str, Revision]:
        if not self._files:
            self._files = read_revisions(self._place(), atomic=self._declared.data.driver == "postgres")
        return self._files

    def _place(self) -> Place:
        environment = generations.env_of(self._context.root, self._declared.generation).get("common", {})
        return place_of(folder_of(self._context.root, self._declared), self._declared.run, environment, self._declared.path)

    def _under(self, stranger: str) -> List[str]:
        """What one needs that this release does not have, by a release of this host that has it. Raises AgentError `migrations-unknown`."""
        for number in reversed(generations.numbers(self._context.root)):
            try:
                declared = migrations_of(self._context.root, number)
                if declared is None or declared.adapter != "alembic":
                    continue
                theirs = Alembic(self._context, declared, self._work, self._keep)._revisions()
            except AgentError:
                continue  # what is left of it does not tell
            if stranger in theirs:
                there = ancestors(theirs, [stranger])
                return [name for name in theirs if name in there]
        raise AgentError(
            "migrations-unknown",
            f"data {self._declared.data.name} is at revision {stranger}, which no release on this host has: "
            "what of this one is applied cannot be known",
            migration=stranger,
        )


def _nobody(line: str) -> None:
    """What it prints while rows are written is for nobody, unless it fails."""

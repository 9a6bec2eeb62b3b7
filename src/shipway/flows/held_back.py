"""A commit that is to be shipped and facts in; nothing out, or Refused where it contains what was reverted and is not released again."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts
from shipway.plan.gates import UNTOUCHED
from shipway.plan.held_back import held_back
from shipway.release.ancestry import contains
from shipway.release.source import Repository


def refuse_held_back(repository: Repository, environment: str, commit: str, facts: Mapping[str, HostFacts]) -> None:
    """Raises Refused, naming who went back from what. What git cannot tell here counts as contained: a shallow clone knows no history."""
    inside = [row for row in held_back(facts) if contains(repository, commit, str(row["commit"]))]
    if not inside:
        return
    row = inside[-1]
    others = f" (and {len(inside) - 1} more)" if len(inside) > 1 else ""
    serves = str((facts[min(facts)].live or {}).get("commit", ""))[:12]
    raise Refused(
        f"{commit[:12]} contains {row['version'] or str(row['commit'])[:12]}{others}, from which {row['who']} went back: it is held back",
        state=UNTOUCHED,
        hint=f"once it is mended: shipway release {environment}; shipway deploy {environment} --ref {serves} ships what serves",
        code="held-back",
    )

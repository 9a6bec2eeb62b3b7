"""A history in, out, what it breaks of the promises about terms: who may change a decision, and what all serve in the end."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tests.simulation.history import Happening


def check_terms(history: Sequence[Happening], hosts: Collection[str], lost: Collection[str]) -> list[str]:
    """Every broken promise as a sentence. `lost` are the hosts that were written off in this history.

    - under one term there is one decision of a deployment;
    - a host that has recorded a decision changes it only to that of a higher term, and only if it was written off: what any other
      host knew, whoever wrote it off had to follow;
    - whenever everything has been quiet for long enough, every host serves the newest generation that the highest term committed.
    """
    broken: list[str] = []
    serving: dict[str, object] = dict.fromkeys(hosts)
    records: dict[tuple[str, str], tuple[int, str]] = {}
    written: dict[tuple[str, int], str] = {}
    for line in history:
        if line.what == "serves":
            serving[line.host] = line.data["generation"]
        elif line.what == "record":
            deployment, decision, term = str(line.data["deployment"]), str(line.data["decision"]), int(line.data["term"])
            before = records.get((line.host, deployment))
            records[line.host, deployment] = (term, decision)
            if before is not None and before[1] != decision:
                if before[0] >= term:
                    broken.append(f"{line.host} changed {deployment} from {before} to {decision} of term {term}, which is not higher")
                if line.host not in lost:
                    broken.append(f"{line.host} was not written off, and changed {deployment} from {before} to {decision} of term {term}")
            if written.setdefault((deployment, term), decision) != decision:
                broken.append(f"{line.host} has {deployment} {decision} of term {term}, and another host has the contrary")
        elif line.what == "settles":
            best = _best(records)
            if set(serving.values()) != {best}:
                broken.append(f"mixed when everything was quiet: {serving}, the newest that was committed is {best}")
    return broken


def _best(records: dict[tuple[str, str], tuple[int, str]]) -> int | None:
    """The newest generation whose deployment is committed by the highest term that anybody has on record."""
    decided: dict[str, tuple[int, str]] = {}
    for (_, deployment), record in records.items():
        decided[deployment] = max(record, decided.get(deployment, record))
    committed = [int(deployment.partition("-")[0]) for deployment, (_, decision) in decided.items() if decision == "committed"]
    return max(committed, default=None)

"""Facts in; out, the Order by which what was reverted may be deployed again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from shipway.model.errors import WrongInput
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.plan.gates import UNTOUCHED
from shipway.plan.held_back import held_back
from shipway.plan.orders.order import Change, Order, live_documents
from shipway.plan.standing import HELD_BACK


def order_release(intent: Intent, facts: Mapping[str, HostFacts], commit: str | None) -> Order:
    """All that is held back, or the one `commit`. No process is touched. Raises Refused; WrongInput for a commit that is not held back."""
    live = live_documents(intent, facts)
    name, there = intent.environment.name, held_back(facts)
    stays = [row for row in there if commit is not None and commit not in (row["commit"], row["version"])]
    if commit is not None and there and len(stays) == len(there):
        known = ", ".join(f"{row['version']} ({str(row['commit'])[:12]})" for row in there)
        raise WrongInput(
            f"{commit} is not held back; held back {'is' if len(there) == 1 else 'are'} {known}",
            state=UNTOUCHED,
            hint=f"shipway release {name} releases all of them",
            code="not-held-back",
        )
    released = ", ".join(str(row["version"]) for row in there if row not in stays)
    command = shlex.join(["shipway", "release", name, *([commit] if commit is not None else [])])
    names = {host: tuple(str(p["name"]) for p in document["processes"]) for host, document in live.items()}
    changes = {host: Change(document["processes"], names[host], (), {HELD_BACK: stays}) for host, document in live.items()}
    return Order("release", f"release {released}", command, changes if there else {})

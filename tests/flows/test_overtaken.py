"""A driver that was stopped for too long is told so, wherever it was when it came back."""

from __future__ import annotations

import pytest

from shipway.execute.conduct import Outcome
from shipway.execute.decision import Ending
from shipway.flows.overtaken import comes_too_late
from shipway.model.errors import HostRefused, LinkLost

FENCED = HostRefused("a", "fenced", "a later driver has it")


@pytest.mark.parametrize(
    ("outcome", "late"),
    [
        (Outcome(Ending("reverted", {}), "verify", {"a": FENCED}), True),
        (Outcome(Ending("reverted", {}), "commit", {}), True),
        (Outcome(None, "commit", {"a": FENCED, "b": LinkLost("b", "lost", "gone")}), False),
        (Outcome(Ending("reverted", {}), "commit", {}, interrupted=True), False),
        (Outcome(Ending("reverted", {}), "switched", {"a": HostRefused("a", "task-failed", "no")}), False),
        (Outcome(Ending("committed", {}), "commit", {}), False),
    ],
    ids=["refused", "decided when it came to commit", "a link that is lost", "interrupted", "a failure of its own", "committed"],
)
def test_it_is_late_where_hosts_have_gone_on_without_it(outcome: Outcome, late: bool) -> None:
    assert comes_too_late(outcome) is late

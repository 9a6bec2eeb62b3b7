"""How what comes behind a commit ended: live is live, and what nobody knows or what failed is not told as success."""

from __future__ import annotations

import pytest

from shipway.execute.afterwards import Afterwards
from shipway.execute.conduct import Outcome
from shipway.flows.afterwards import half_migrated, with_afterwards
from shipway.model.errors import HostError, HostRefused, Unsettled
from shipway.model.migration import Migration, Pending, Schema
from shipway.model.plan import Kind, Plan

DROP = Pending((Migration("0004_drop", "contract"),), Schema())


def plan(kind: Kind = "deploy", pending: Pending | None = DROP) -> Plan:
    return Plan(kind, "shop", "production", "d" * 64, 2, "a", ("a",), (), pending=pending)


def outcome(told: Afterwards) -> Outcome:
    return Outcome(None, afterwards=told)


def failed(code: str = "migration-failed") -> HostError:
    return HostRefused("a", code, "0004_drop failed", facts={"migration": "0004_drop"})


def test_what_waits_is_said_with_its_command() -> None:
    said = with_afterwards(outcome(Afterwards(waits="web.1 of generation 1 on b")), plan(), "live")
    assert said == (
        "live; not run yet: 0004_drop, for web.1 of generation 1 on b still runs; shipway data migrate production runs what waits"
    )


def test_one_that_was_interrupted_before_it_began_was_not_run_and_later_nobody_knows() -> None:
    assert "not run yet: 0004_drop, for this command was interrupted" in with_afterwards(
        outcome(Afterwards(interrupted=True)), plan(), "live"
    )
    with pytest.raises(Unsettled) as told:
        with_afterwards(outcome(Afterwards(interrupted=True, begun=True)), plan(), "live")
    assert told.value.code == "interrupted" and "shipway data migrate production" in told.value.hint


@pytest.mark.parametrize("pending", [DROP, None], ids=["of a deployment", "of a revert"])
def test_a_failure_is_not_told_as_success_whatever_was_planned(pending: Pending | None) -> None:
    with pytest.raises(Unsettled, match="0004_drop failed"):
        with_afterwards(outcome(Afterwards(error=failed())), plan(pending=pending), "live")


def test_data_migrate_that_ended_half_way_is_not_told_as_undone() -> None:
    error = half_migrated(Outcome(None, "migrated", {"a": failed()}, migrated=("0003_cut",)), plan("migrate", None))
    assert error is not None and error.state == "ran and stay: 0003_cut; the release serves everywhere as before"
    opened = half_migrated(Outcome(None, "migrated", {"a": failed("migrations-open")}), plan("migrate", None))
    assert opened is not None and opened.hint.startswith("shipway data settle production 0004_drop --done")
    assert half_migrated(Outcome(None, "migrated", {"a": failed()}), plan("migrate", None)) is None, "nothing ran"
    assert half_migrated(Outcome(None, "migrated", {"a": failed()}, migrated=("0003_cut",)), plan("deploy")) is None

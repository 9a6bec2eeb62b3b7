"""What a revert reads before it plans."""

from __future__ import annotations

from typing import Any

import pytest

from shipway.flows.revert_look import refuse_unsettled
from shipway.model.errors import Refused
from tests.plan.fleet import intent, release, serving


def fleet() -> dict[str, dict[str, Any]]:
    return serving(intent(("a", "b")), [release(1), release(2)])


def test_nothing_is_planned_while_an_earlier_deployment_may_still_change_the_data() -> None:
    said = fleet()
    refuse_unsettled(said, "production")
    said["b"]["member"]["attempts"][-1]["stage"] = "switched"
    with pytest.raises(Refused) as refused:
        refuse_unsettled(said, "production")
    assert "shipway resume production" in refused.value.hint


def test_a_fleet_that_still_holds_requests_is_not_settled() -> None:
    said = fleet()
    said["a"]["member"]["attempts"][-1]["stage"] = "prepared"
    said["a"]["member"]["held"] = {"deployment": said["a"]["member"]["attempts"][-1]["deployment"]}
    with pytest.raises(Refused):
        refuse_unsettled(said, "production")

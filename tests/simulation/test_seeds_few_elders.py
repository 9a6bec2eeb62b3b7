"""Stories of fleets in which only the first one or two hosts are told everybody: no promise is broken in any.

Fleets of the simulation are small, so that elsewhere everybody is an elder.
"""

from __future__ import annotations

import pytest

from shipway.model import elders
from tests.simulation.seeds import keep_every_promise


@pytest.mark.parametrize("count", [1, 2])
def test_no_promise_is_broken_where_hosts_are_told_few_of_the_others(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elders, "ELDERS", count)
    keep_every_promise(range(20_000, 20_050))

"""A bound grows with the programs that wait for a core, from four on, and only so far."""

from __future__ import annotations

import pytest

from shipway_agent.patience import patient


@pytest.mark.parametrize(("load", "seconds"), [(0.1, 20), (8.0, 20), (16.0, 40), (500.0, 80)])
def test_there_is_more_time_where_programs_wait_for_a_core(monkeypatch: pytest.MonkeyPatch, load: float, seconds: float) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert patient(20.0) == seconds

"""What every test gets: tests that need root are skipped by name where there is none, and counted at the end."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.hosts import why_not

settings.register_profile("steady", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")  # how busy a machine is proves nothing

# Under nohup, or behind a shell's `&`, what tests start would ignore these too, as shipway should there.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

FIRST = ("stories", "simulation")
"""Folders whose files take longest: at the end of two runs side by side, a long file would be waited for by an idle core."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FIRST.index(folder) if (folder := item.path.parent.name) in FIRST else len(FIRST))
    reason = why_not()
    if reason:
        for item in items:
            if item.get_closest_marker("hosts"):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reason = why_not()
    skipped = [report.nodeid for report in terminalreporter.stats.get("skipped", []) if reason and reason in str(report.longrepr)]
    if skipped:
        terminalreporter.section(f"{len(skipped)} tests were skipped: {reason}")
        for nodeid in skipped:
            terminalreporter.line(nodeid)

"""Lines of processes stand behind their host and copy, without what a terminal obeys; what concerns the reading goes aside."""

from __future__ import annotations

from shipway.model.event import Event
from shipway.reports.lines import LineReport


def test_each_line_says_whose_it_is_and_the_rest_goes_aside() -> None:
    lines: list[str] = []
    aside: list[str] = []
    report = LineReport(lines.append, aside.append)
    for host, kind, data in (
        ("a", "output", {"key": "web.1", "line": "one"}),
        ("long-name", "output", {"key": "web.1", "line": "two\x1b[2J"}),
        ("a", "lost", {"reason": "cut", "will": "it is asked again each second"}),
        ("", "waiting", {"what": "a login", "bound_seconds": 20.0}),
        ("a", "output", {"key": "web.2", "line": ""}),
    ):
        report.on_event(Event(kind, 1.0, host=host, data=data))
    assert lines == ["a web.1 | one", "long-name web.1 | two", "a web.2         | "]
    assert aside == ["a: link lost: cut; it is asked again each second", "waiting for a login, at most 20.0 s"]

"""What strace wrote is read as the calls that succeeded."""

from __future__ import annotations

from tests.faults.power.calls import calls


def test_what_was_under_way_when_strace_was_told_to_go_has_no_ending() -> None:
    """Of a thread between two calls it does not even say which."""
    path = "".join(f"\\x{byte:02x}" for byte in b"/a")
    lines = [f"10 fsync(3<{path}>) = 0\n", "11 ???( <detached ...>\n", f"12 fsync(3<{path}> <detached ...>\n", f"10 fsync(3<{path}>) = 0\n"]
    assert [(call.name, call.args) for call in calls(lines)] == [("fsync", (b"/a",))] * 2

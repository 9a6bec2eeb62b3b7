"""What strace wrote is read as the calls that succeeded."""

from __future__ import annotations

from tests.faults.power.calls import calls, is_torn


def test_what_was_under_way_when_strace_was_told_to_go_has_no_ending() -> None:
    """Of a thread between two calls it does not even say which."""
    path = "".join(f"\\x{byte:02x}" for byte in b"/a")
    lines = [f"10 fsync(3<{path}>) = 0\n", "11 ???( <detached ...>\n", f"12 fsync(3<{path}> <detached ...>\n", f"10 fsync(3<{path}>) = 0\n"]
    assert [(call.name, call.args) for call in calls(lines)] == [("fsync", (b"/a",))] * 2


def test_what_a_killed_thread_was_about_to_call_was_never_called() -> None:
    path = "".join(f"\\x{byte:02x}" for byte in b"/a")
    lines = ["11 ???()                             = ?\n", "11 +++ killed by SIGKILL +++\n", f"10 fsync(3<{path}>) = 0\n"]
    assert [(call.name, call.args) for call in calls(lines)] == [("fsync", (b"/a",))]
    assert is_torn(lines)

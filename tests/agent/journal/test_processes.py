"""Rows of processes are put, found and forgotten."""

from __future__ import annotations

from shipway_agent.journal import Journal, ProcessRow


def test_processes_are_rows_that_are_put_found_and_forgotten(journal: Journal) -> None:
    row = ProcessRow(1, "web", 1, "t0ken", "up", "127.0.0.1:4711", 42, 9000, "boot", True, 1.5, 2, 3, False)
    other = ProcessRow(2, "worker", 1, "t1", "starting")
    journal.put_process(other)
    journal.put_process(row)
    assert journal.processes() == [row, other] and journal.processes(2) == [other]
    assert journal.process(1, "web", 1) == row and journal.process(1, "web", 2) is None
    journal.put_process(ProcessRow(1, "web", 1, "t2", "gone"))
    assert [found.token for found in journal.processes(1)] == ["t2"]
    journal.delete_process(1, "web", 1)
    journal.delete_process(1, "web", 1)
    assert journal.processes() == [other]

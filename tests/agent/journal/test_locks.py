"""Two connections of one process and another process on one journal: nobody reads the past.

Found in the field: a second connection of the daemon's process dropped the locks of the first, another process closed the
journal as "the last one" and deleted its log, and the daemon took a link away that a switch had just made.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from shipway_agent.journal import Journal
from shipway_agent.root import Root

WRITE = """
import sys
from shipway_agent.journal import Journal
from shipway_agent.root import Root
with Root(sys.argv[1]) as root, Journal(root) as journal:
    journal.event("other", "", {})
"""


def test_a_second_connection_of_this_process_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    with Root(str(tmp_path)) as root, Journal(root) as first:
        first.event("one", "", {})
        Journal(root).close()
        subprocess.run([sys.executable, "-c", WRITE, root.path], check=True)
        assert [event["kind"] for event in first.events()] == ["one", "other"]
        first.event("three", "", {})
        with Journal(root) as again:
            assert [event["kind"] for event in again.events()] == ["one", "other", "three"]

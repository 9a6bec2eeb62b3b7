"""Nothing in; out, what a host's journal costs when it is young and when it is as old as one becomes: 200 deployments, 10^5 events.

Run from the checkout: .venv/bin/python -m bench.age [DEPLOYMENTS…]
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shipway.ledger.store import Ledger
from shipway_agent import clock, peers
from shipway_agent.call import Place
from shipway_agent.journal import Journal
from shipway_agent.primitives import facts
from shipway_agent.progress import progress
from shipway_agent.root import Root
from tests.agent.lodge import Lodge, lodge, process

EVENTS = 500
"""Of each deployment: its messages, its steps, and what its tasks said."""

STEPS = 15

CHANGE_EVENTS = 60
"""Of a small change, whose tasks say little."""

IDLE_SECONDS = 5.0


def main() -> int:
    """Print one column an age."""
    ages = [int(word) for word in sys.argv[1:]] or [2, 200]
    columns = [_measured(deployments) for deployments in ages]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; medians in ms unless said otherwise")
    for name in columns[0]:
        print(f"{name:44}" + "".join(f"{column[name]:>16,.2f}" for column in columns))
    return 0


def grow(journal: Journal, deployments: int) -> None:
    """So many committed deployments of EVENTS events each, by the journal's own calls."""
    document = {"kind": "deploy", "app": "shop", "environment": "live", "version": "1.2", "who": "ann@laptop", "commit": "c" * 40}
    for number in range(1, deployments + 1):
        about = {"deployment": f"{number}-old", "fence": number, "term": 0}
        lease = {"owner": "ann@laptop", "seconds": 30.0, "lead": "a", "members": ["a"], "confirm_seconds": 60.0, "document": document}
        _say(journal, {"do": "lease", **about, **lease})
        for step in range(STEPS):
            journal.begin_step(f"{number}-old", f"step:{step}", number, now=clock.boot_now(), about={"title": f"step {step}"})
            journal.end_step(f"{number}-old", f"step:{step}", "done", {"lines": ["a line of its answer"] * 5})
        with journal.transaction():
            for line in range(EVENTS - 2 * STEPS - 9):
                journal.event("output", f"{number}-old", {"key": "task:install", "lines": [f"collected {line}"]})
        for do in ("vote", "start", "ready", "arm", "switched", "commit", "finish"):
            _say(journal, {"do": do, **about})


def _say(journal: Journal, message: dict[str, Any]) -> None:
    reply = journal.decide(message, clock.boot_now())
    assert reply["ok"], (message, reply)


def _measured(deployments: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="shipway-bench-") as folder, lodge(Path(folder) / "r") as home:
        grow(home.journal, deployments)
        newest = deployments + 1
        home.generation(newest, process())
        home.ensure()
        home.serve(newest)
        return _figures(home, Path(folder), f"d-{newest}")


def _figures(home: Lodge, folder: Path, newest: str) -> dict[str, float]:
    root, journal = home.root, home.journal
    place, member = Place(root, root.full("proxy"), "a", "bench"), journal.member()
    now = clock.boot_now()
    found = {
        "events": float(journal.newest()),
        "journal.db, MB": Path(root.full("journal.db")).stat().st_size / 1e6,
        "open it": _ms(lambda: _opened(root)),
        "read the record": _ms(journal.member),
        "look (deploy, status)": _ms(lambda: facts.look(place, journal, verify=False)),
        "progress of the newest (attach)": _ms(lambda: progress(journal, newest, now, clock.wall_now())),
        "progress of the oldest": _ms(lambda: progress(journal, "1-old", now, clock.wall_now())),
        "who is waited for (each turn after a write)": _ms(
            lambda: peers.awaited(member, lambda deployment: peers.acknowledgements(journal, deployment))
        ),
        "write one event": _ms(lambda: journal.event("note", newest, {})),
        "read the whole chain (verify, first vote)": _ms(journal.verify, 2),
        "read what no vote has read (vote)": _voted(journal, newest),
    }
    found["a killed supervisor until it serves again"] = _restarted(home)
    found["supervisor idle, % of a core"] = _idle_percent(home)
    (folder / "project").mkdir()
    with Ledger(folder / "project") as ledger:
        events: list[dict[str, Any]] = []
        while part := journal.events(events[-1]["seq"] if events else 0):
            events += part
        found["history: learn it on the operator's side"] = _ms(lambda: ledger.learn("live", "a", events), 1)
        found["history: tell it"] = _ms(lambda: ledger.history("live", limit=20, attempts={"a": ()}), 2)
    return found


def _voted(journal: Journal, newest: str) -> float:
    """A vote with the events of one small change before it."""
    journal.verify_for_vote()
    for _ in range(CHANGE_EVENTS):
        journal.event("note", newest, {"key": "task:install", "lines": ["a line"]}, synced=False)
    return _ms(journal.verify_for_vote, 1)


def _opened(root: Root) -> None:
    Journal(root).close()


def _ms(ask: Callable[[], object], times: int = 15) -> float:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent) * 1000


def _restarted(home: Lodge) -> float:
    home.kill_daemon()
    began = time.perf_counter()
    home.ensure()
    return (time.perf_counter() - began) * 1000


def _idle_percent(home: Lodge) -> float:
    stat = Path(f"/proc/{home.ensure()}/stat")

    def ticks() -> int:
        return sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))

    before = ticks()
    time.sleep(IDLE_SECONDS)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / IDLE_SECONDS * 100


if __name__ == "__main__":
    raise SystemExit(main())

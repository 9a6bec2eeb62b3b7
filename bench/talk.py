"""Nothing in, docs/talk.md out: the talk's table with what was measured on this machine, at full length. It takes about six minutes.

Run from the checkout: .venv/bin/python -m bench.talk [--scale SECONDS] [--print]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from tests.stories.project import end_all
from tests.stories.talk import Run, Talk, in_parallel, in_series, in_two_halves, table
from tests.stories.talk.table import SECONDS

HOSTS = {"a": 1.0, "b": 1.0}
PAGE = Path(__file__).resolve().parents[1] / "docs/talk.md"
TEXT = """\
<!-- Written by `python -m bench.talk` from a run; tests/stories/test_talk.py holds the same at a fiftieth of the length. -->

# The talk's table, by script and by Shipway

This project began with a talk about deployment. It follows seven steps on two servers (fetching the code 5 s, requirements 20, a backup 15,
migrations 12, static files 10, the switch 1, a reload 1) through three scripts, each better than the last. Here all of them ran, with steps
that sleep as long as the talk says, and the same steps as tasks of `shipway deploy`. The talk's number is first, what was measured in
brackets; all in seconds{scale}.

{table}

*Potential downtime* is the talk's word: from the beginning of the migration until the worst server runs the new code. A user may then meet
old code on a new schema; whether that is harmful is up to the migration, which the old release must be able to live with. The talk says 13
for its last way, whose steps are 12 + 1 + 1.

What is different with Shipway:

- The backup and the migration run once, on one host, with a barrier before and after each: a host twice as fast does not run ahead.
  In the parallel script it does, and serves new code before the migration ended.
- Requirements and static files are prepared while the old release serves; the reload, a process that takes {reload:g} s to come up, happens
  beside it. So *activation* is what is left: from the first switch to the proof of the last host, {activation:.2f} s.
- Visitors asked both hosts all the time, without ever trying twice: {failed} of {requests} requests failed, and the front doors were down
  for {down:g} s.
- Fetching the code is shipping it, which took what this small application takes: the whole holds {held:g} of the talk's seconds, without
  its 5 s for that and the 1 s of its switch.

What a deployment of tasks that take no time costs on this machine: {empty_whole:.1f} s from the command to its verdict, of which
{empty_activation:.2f} s from the first switch to the last proof, with `watch_seconds = 0`.

Measured on {machine}, {date}.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run all four ways, and write the page or print it."""
    parser = argparse.ArgumentParser(prog="bench.talk", description="The talk's table as runs.")
    parser.add_argument("--scale", type=float, default=1.0, help="length of one of the talk's seconds")
    parser.add_argument("--print", action="store_true", help="print the page instead of writing docs/talk.md")
    wanted = parser.parse_args(arguments)
    page = measure(wanted.scale)
    if wanted.print:
        print(page)
    else:
        PAGE.write_text(page, encoding="utf-8")
    return 0


def measure(scale: float) -> str:
    """The page."""
    load_before = os.getloadavg()[0]
    runs: dict[str, Run] = {
        "in series": in_series(HOSTS, scale),
        "in parallel": in_parallel(HOSTS, scale),
        "prepare, then activate": in_two_halves(HOSTS, scale),
    }
    with tempfile.TemporaryDirectory(prefix="talk-") as folder:
        try:
            talk = Talk(Path(folder), scale)
            talk.deploy("v1")
            shipped = talk.deploy("v2")
            talk.lasts(0.0)
            empty = talk.deploy("v4")
        finally:
            end_all(Path(folder))
    runs["shipway deploy"] = shipped.run
    return TEXT.format(
        scale="" if scale == 1 else f", of which each lasted {scale:g} s",
        table="\n".join(table(runs)),
        reload=scale,
        activation=shipped.run.activation_seconds,
        failed=shipped.run.failed_requests,
        requests=shipped.run.requests,
        down=shipped.report["downtime_seconds"],
        empty_whole=empty.report["seconds"],
        empty_activation=empty.run.activation_seconds,
        held=sum(SECONDS[step] for step in SECONDS if step not in ("deploy_code", "switch_release")),
        machine=f"{machine()}; load {load_before:.1f} before and {os.getloadavg()[0]:.1f} after, for other work went on beside it",
        date=time.strftime("%Y-%m-%d", time.gmtime()),
    )


def machine() -> str:
    """What it is that this ran on."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{platform.system()} {platform.release()}, {os.cpu_count()} × {model}, {memory:.0f} GB, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())

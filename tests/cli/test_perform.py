"""A flow that logs in to every host before all else has it begun before the event loop is read, and ended with it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

PROGRAM = textwrap.dedent(
    """
    import sys
    from shipway.cli import perform
    from shipway.cli.commands import run
    from shipway.flows import early
    from shipway.model.errors import Refused
    from shipway.model.verdict import Verdict

    async def flow(words, on_event):
        print("flow")
        if sys.argv[2] == "refused":
            raise Refused("no", state="nothing was touched", hint="shipway status")
        return Verdict("answer", 0, "all is well")

    early.early = lambda words: print("early", words.environment, "asyncio" in sys.modules)
    early.end = lambda: print("end")
    perform.find_flow = lambda name: flow
    sys.exit(run([sys.argv[1], "live"]))
    """
)


def told(command: str, ending: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, command, ending], capture_output=True, text=True, cwd=ROOT, timeout=60)
    return [line for line in done.stdout.splitlines() if line.split()[:1] in (["early"], ["flow"], ["end"])]


@pytest.mark.parametrize("ending", ["answered", "refused"])
@pytest.mark.parametrize("command", ["deploy", "status", "rollback"])
def test_logins_are_begun_before_the_event_loop_is_read_and_ended_behind_the_flow(command: str, ending: str) -> None:
    assert told(command, ending) == ["early live False", "flow", "end"]


def test_other_flows_begin_none() -> None:
    assert told("plan", "answered") == ["flow"]

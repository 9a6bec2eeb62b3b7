"""Ctrl-C: the first undoes, the second leaves it to the hosts; in real processes with real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shipway.cli.interrupt import left_alone
from shipway.reports.fold import fold
from tests.reports.story import START, live

ROOT = Path(__file__).parent.parent.parent

PROGRAM = textwrap.dedent(
    """
    import asyncio, sys
    from shipway.cli import perform
    from shipway.cli.commands import run
    from shipway.model.errors import Failed
    from tests.reports.story import START, live

    async def flow(words, on_event):
        for event in live():
            if event.at <= START + float(sys.argv[1]):
                on_event(event)
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            if sys.argv[2] == "undoes":
                raise Failed("interrupted in verify", state="undone on every host: 1.1 serves everywhere", hint="shipway deploy production")
            if sys.argv[2] == "hangs":
                await asyncio.sleep(600)
            raise

    perform.find_flow = lambda name: flow
    sys.exit(run(["deploy", "production", *sys.argv[3:]]))
    """
)


@contextmanager
def running(until: float, then: str, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """The program with a flow that has told its story until then and waits."""
    command = [sys.executable, "-c", PROGRAM, str(until), then, *argv]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def says(process: subprocess.Popen[str], text: str, stream: str = "stdout") -> None:
    """Wait until a line with the text was printed."""
    file = process.stdout if stream == "stdout" else process.stderr
    assert file is not None
    for line in file:
        if text in line:
            return
    raise AssertionError(f"{text!r} was never said")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_the_first_signal_undoes_and_the_verdict_is_the_flows_own(number: signal.Signals) -> None:
    with running(8.0, "undoes") as process:
        says(process, "switched")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "UNDONE: interrupted in verify" in out and "1.1 serves everywhere" in out
    assert f"{number.name}: undoing" in err and "Traceback" not in out + err


def test_the_second_signal_says_what_the_hosts_will_do_and_ends_at_once() -> None:
    with running(8.0, "hangs") as process:
        says(process, "switched")
        process.send_signal(signal.SIGINT)
        says(process, "undoing", "stderr")
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 4 and time.monotonic() - began < 20
    assert "every host goes back to what it served by itself within 60 s" in out and "next: shipway resume production" in out


def test_a_flow_that_only_ends_is_put_in_words_and_json_stays_json() -> None:
    with running(8.0, "ends", "--json") as process:
        says(process, "switched")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 4
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[-1]["event"] == "verdict" and lines[-1]["verdict"] == "interrupted"


def test_before_anything_is_leased_an_interruption_has_touched_nothing() -> None:
    with running(0.1, "ends") as process:
        says(process, "connected")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 3 and "nothing was touched" in out


def test_a_watcher_that_goes_away_does_not_end_the_deployment(tmp_path: Path) -> None:
    mark = tmp_path / "went-on"
    goes_on = f"await asyncio.sleep(1); on_event(live()[2]); open({str(mark)!r}, 'w').close(); raise Failed('x', hint='y')"
    program = PROGRAM.replace("await asyncio.sleep(600)", goes_on, 1)
    command = [sys.executable, "-c", program, "8", "ends"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=30)
    assert mark.exists() and process.returncode == 1, err
    assert err == ""


@pytest.mark.parametrize(
    ("until", "says", "exit_code"),
    [
        (0.1, "nothing was touched", 3),
        (2.0, "each host discards what was prepared when its lease runs out", 4),
        (5.1, "every host goes back to what it served by itself within 60 s", 4),
        (9.1, "the decision is committed and stands", 4),
    ],
)
def test_what_hosts_do_when_they_are_left_alone_depends_on_how_far_it_was(until: float, says: str, exit_code: int) -> None:
    verdict = left_alone(fold([event for event in live() if event.at <= START + until]))
    assert says in verdict.message and verdict.exit_code == exit_code
    assert verdict.hint == ("" if exit_code == 3 else "shipway resume production")


SHOWN = textwrap.dedent(
    """
    import os, signal, sys
    from shipway.cli import perform
    from shipway.cli.main import entry
    from shipway.cli.screen import Screen
    from shipway.model.errors import Failed, LinkLost
    from shipway.model.verdict import Verdict

    ending, number, sys.argv[1:] = sys.argv[1], int(sys.argv[2]), ["deploy", "production"]

    async def flow(words, on_event):
        if ending == "undone":
            raise Failed("a host was sick", state="undone on every host", hint="shipway deploy live")
        if ending == "lost":
            raise LinkLost("a", "lost", "the link broke")
        return Verdict("live", 0, "all is well")

    def interrupting(function):
        def interrupted(self, *words, **more):
            try:
                return function(self, *words, **more)
            finally:
                os.kill(os.getpid(), number)
        return interrupted

    where = os.environ["WHERE"]
    setattr(Screen, where, interrupting(getattr(Screen, where)))
    perform.find_flow = lambda name: flow
    entry()
    """
)


@pytest.mark.parametrize("where", ["verdict", "__exit__"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("ending", "exit_code"), [("live", 0), ("undone", 1), ("lost", 3)])
def test_an_interruption_while_the_verdict_is_shown_changes_nothing_of_it(
    ending: str, exit_code: int, number: signal.Signals, where: str
) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "WHERE": where}
    argv = [sys.executable, "-c", SHOWN, ending, str(int(number))]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, cwd=ROOT, timeout=60)
    assert done.returncode == exit_code, done
    assert "interrupted before" not in done.stdout + done.stderr


def test_a_signal_that_whoever_started_it_has_ignored_stays_ignored() -> None:
    """`nohup shipway deploy`: the terminal goes, and the deployment goes on."""
    ignored = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    command = [sys.executable, "-c", ignored + PROGRAM, "99", "ends"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.0)
        process.kill()


READ = textwrap.dedent(
    """
    import os, signal, sys

    module, sys.argv[1:] = sys.argv[1], ["status"]

    class Interrupts:
        def find_spec(self, name, *more):
            if name == module:
                os.kill(os.getpid(), signal.SIGINT)

    sys.meta_path.insert(0, Interrupts())
    from shipway.cli.main import entry
    entry()
    """
)


@pytest.mark.parametrize("module", ["click", "shipway.cli.status", "shipway.flows.early", "asyncio", "shipway.flows.status"])
def test_an_interruption_while_the_program_is_read_is_told_in_words(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", READ, module], capture_output=True, text=True, cwd=ROOT, timeout=60)
    said = done.stdout + done.stderr
    assert (done.returncode, "Traceback" in said) == (3, False), said
    assert "interrupted before anything began; nothing was touched" in said

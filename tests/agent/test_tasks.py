"""task.run: a command of the app, run to its end in a clean environment, or ended whole."""

from __future__ import annotations

import json
import os
import pwd
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from shipway_agent import clock
from shipway_agent.errors import AgentError
from shipway_agent.primitives import tasks
from tests.agent.workshop import RELEASE, Workshop, python, task, workshop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    env = {"common": {"COLOUR": "red", "A": "1"}, "task": {"t": {"A": "2"}}}
    with workshop(tmp_path / "root", env) as one:
        yield one


def refusal(shop: Workshop, **args: object) -> AgentError:
    with pytest.raises(AgentError) as caught:
        tasks.run(shop.context(), task(**args))
    return caught.value


def test_a_text_goes_to_the_shell_and_a_list_does_not(shop: Workshop) -> None:
    assert tasks.run(shop.context(), task("echo one; echo two >&2")) == {"exit": 0, "lines": ["one", "two"], "skipped": False}
    assert tasks.run(shop.context(), task(["echo", "one; two", "$HOME"]))["lines"] == ["one; two $HOME"]


def test_it_runs_in_the_directory_of_its_release(shop: Workshop) -> None:
    assert tasks.run(shop.context(), task(["pwd"], directory="server"))["lines"] == [str(shop.folder / "server")]


def test_a_directory_outside_the_release_is_refused(shop: Workshop) -> None:
    (shop.folder / "way-out").symlink_to("/tmp")
    for directory in ("..", "way-out", "missing", "../../../../etc"):
        assert refusal(shop, run="pwd", directory=directory).code == "directory"


def test_its_environment_is_clean_and_holds_what_the_contract_says(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_OPERATOR", "canary")
    found = json.loads(tasks.run(shop.context(), task(python("import json, os; print(json.dumps(dict(os.environ)))")))["lines"][0])
    assert found.pop("SHIPWAY_INSTANCE").startswith("task/")
    found.pop("LC_CTYPE", None)  # Python's own, where the locale is C
    account = pwd.getpwuid(os.geteuid())
    assert found == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLOUR": "red",
        "A": "2",
        "RELEASE": "v1",
        "SHIPWAY_ENVIRONMENT": "production",
        "SHIPWAY_RELEASE": RELEASE,
        "SHIPWAY_GENERATION": "1",
    }


def test_it_has_no_terminal_and_no_input(shop: Workshop) -> None:
    program = "import os, sys; print(sys.stdin.read() == '', os.getsid(0) == os.getpid(), oct(os.umask(0)))"
    assert tasks.run(shop.context(), task(python(program)))["lines"] == ["True True 0o22"]


def test_output_streams_line_by_line_and_is_kept_in_the_log(shop: Workshop) -> None:
    tasks.run(shop.context("task:migrate"), task("printf 'one\\ntwo\\nthree'"))
    assert shop.events == [{"event": "output", "key": "task:migrate", "line": line} for line in ("one", "two", "three")]
    assert (shop.home / "logs/tasks.log").read_text() == "t: one\nt: two\nt: three\n"


def test_escape_sequences_and_progress_bars_become_plain_lines(shop: Workshop) -> None:
    program = r"print('\x1b[31mred\x1b[0m \x1b]0;title\x07text'); print('10%\r50%\r100%'); print('a\x00\x08b\u202ec'); print('\x9b2J')"
    tasks.run(shop.context(), task(["env", "PYTHONIOENCODING=utf-8", *python(program)]))
    assert shop.lines() == ["red text", "100%", "abc"]


def test_a_task_that_fails_says_how_with_its_last_twenty_lines(shop: Workshop) -> None:
    error = refusal(shop, run="for i in $(seq 1 30); do echo line $i; done; exit 3")
    assert error.code == "task-failed"
    assert error.message == "task t ended with exit code 3"
    assert error.lines == tuple(f"line {i}" for i in range(11, 31))
    assert error.facts["exit"] == 3


def test_a_task_killed_by_a_signal_names_it(shop: Workshop) -> None:
    assert refusal(shop, run="kill -SEGV $$").message == "task t ended with signal SIGSEGV"


def test_a_command_that_is_not_there_says_so(shop: Workshop) -> None:
    error = refusal(shop, run=["no-such-command"])
    assert (error.code, error.message) == ("task-failed", "no-such-command cannot be started: No such file or directory")


def test_a_hanging_task_is_ended_with_everything_it_started(shop: Workshop) -> None:
    family = "trap '' TERM; sleep 600 & (setsid sleep 600 &) ; echo started; sleep 600"
    began = time.monotonic()
    error = refusal(shop, run=family, timeout_seconds=0.5)
    assert error.code == "task-timeout"
    assert error.lines == ("started",)
    assert shop.living() == []
    assert time.monotonic() - began < 20


def test_what_a_task_leaves_in_the_background_neither_delays_its_end_nor_survives_it(shop: Workshop) -> None:
    began = time.monotonic()
    assert tasks.run(shop.context(), task("sleep 600 & echo done"))["lines"] == ["done"]
    assert time.monotonic() - began < 20
    assert shop.living() == []


def test_a_task_that_closes_its_output_is_still_waited_for(shop: Workshop) -> None:
    tasks.run(shop.context(), task("exec >&- 2>&-; sleep 0.3; touch $COLOUR"))
    assert (shop.folder / "red").exists()


@pytest.mark.parametrize("program", ["head -c 300000000 /dev/zero | tr '\\0' x", "yes 'a line of output' | head -c 300000000"])
def test_three_hundred_megabytes_of_output_are_bounded(shop: Workshop, program: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = tasks.run(shop.context(), task(f"{program}; echo; echo the end", timeout_seconds=100.0))
    assert answer["lines"][-1] == "the end"
    assert sum(len(line) for line in shop.lines()) < 2_000_000
    assert "bytes more that are not shown" in shop.lines()[-1]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB
    assert (shop.home / "logs/tasks.log").stat().st_size < 3_000_000


def test_a_check_that_says_done_skips_the_task(shop: Workshop) -> None:
    answer = tasks.run(shop.context(), task("exit 1", check="true"))
    assert answer == {"exit": 0, "lines": [], "skipped": True}
    assert tasks.run(shop.context(), task("echo ran", check="false"))["lines"] == ["ran"]


def test_an_earlier_try_without_an_ending_is_settled_by_the_check_and_never_guessed(shop: Workshop) -> None:
    with pytest.raises(AgentError) as caught:
        tasks.run(shop.context(unknown=True), task("echo again"))
    assert caught.value.code == "unknown-outcome"
    assert "give it a `check`" in caught.value.message
    assert tasks.run(shop.context(unknown=True), task("exit 1", check="true"))["skipped"]
    assert tasks.run(shop.context(unknown=True), task("echo again", check="false"))["lines"] == ["again"]


def test_outputs_are_there_before_it_runs(shop: Workshop) -> None:
    outputs = shop.home / "outputs" / RELEASE / "public/build"
    (shop.folder / "build").symlink_to(outputs)
    tasks.run(shop.context(), task("echo built > build/app.js", outputs=["public/build"]))
    assert (outputs / "app.js").read_text() == "built\n"


def test_an_output_outside_its_folder_is_refused(shop: Workshop) -> None:
    assert refusal(shop, run="true", outputs=["../../evil"]).code == "path"


def test_a_generation_that_is_not_there_is_named(shop: Workshop) -> None:
    assert refusal(shop, run="true", generation=9).code == "no-generation"


def test_the_marker_tells_until_when_the_task_may_run(shop: Workshop) -> None:
    marker = tasks.run(shop.context("task:a/b%"), task("echo $SHIPWAY_INSTANCE", timeout_seconds=20.0))["lines"][0]
    kind, root, deployment, key, pid, start, until = marker.split("/")
    assert (kind, root, deployment, key, pid) == ("task", shop.root.digest, "d-1", "task:a%2Fb%25", str(os.getpid()))
    assert unquote(key) == "task:a/b%"
    assert start == str(clock.process_start(os.getpid()))
    assert 0 < float(until) - clock.boot_now() <= 20

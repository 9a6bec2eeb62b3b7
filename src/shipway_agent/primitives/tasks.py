"""A task of a generation in, its exit and last lines out: run to its end in a clean environment, or ended whole at its timeout."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time

from shipway_agent import clock
from shipway_agent import json_text as json
from shipway_agent.blake import blake2b
from shipway_agent.errors import AgentError
from shipway_agent.folder import plain
from shipway_agent.group import MARKER, Instance, kill_whole, known
from shipway_agent.logs import FOLDER as LOGS
from shipway_agent.logs import open_log
from shipway_agent.orphans import end, marker_for, orphans
from shipway_agent.output import Output
from shipway_agent.primitives import Context, generations
from shipway_agent.record import dataclass
from shipway_agent.root import Root
from shipway_agent.spawn import argv_of
from shipway_agent.surroundings import defaults, identity, with_tools
from shipway_agent.typed import Any, Callable, Dict, List, Mapping, Optional, Tuple

LOG = "tasks.log"
LAST_LINES = 20
KILL_SECONDS = 5.0
SETTLE_SECONDS = 0.3
"""How long output is still read after a task has ended while something it left behind holds the pipe open."""

KEPT_BYTES = 32 * 1024
"""Of each run of a task this much of its output goes into the journal, so that whoever attaches reads it."""

KEEP_SECONDS = 0.5
LONGEST_KEPT = 500
"""Characters of one line there."""

ASK_SECONDS = 0.25
"""How often a task that runs is asked about: whether anybody still waits for it."""


def run(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Run one task. Answers {"exit", "lines", "skipped"}; a `check` that ends with 0 means that it is done already.

    Raises AgentError: `task-failed` and `task-timeout` with the last lines, `settled` when its deployment ended first, `directory`,
    `no-generation`, and `unknown-outcome` when an earlier try has no known ending and no check can settle it. Nothing that the task
    started is left running.
    """
    name, check = str(args["name"]), args.get("check")
    runner = _runner(context, args)
    if context.unknown:
        wait_for_orphans(context, context.key)
        if check is None:
            raise _unknown(name)
    if check is not None and _is_done(runner, check):
        return {"exit": 0, "lines": [], "skipped": True}
    _make_outputs(context, str(runner.environment["SHIPWAY_RELEASE"]), args.get("outputs") or [])
    # What users cannot see is ended when nobody waits for it any more; what they can is left to end by itself, and undone then.
    moot = context.is_moot if args.get("per_release") else _never
    with _Log(context, name) as log:
        ended = runner.run(args["run"], runner.timeout_seconds, log.show, lambda: log.keep() or moot())
    if ended.exit is None and moot():
        raise AgentError("settled", f"task {name} was ended with all its processes, for the deployment had ended", ended.lines, task=name)
    if ended.exit is None:
        message = f"task {name} did not end within {runner.timeout_seconds:g} s; it was ended with all its processes"
        raise AgentError("task-timeout", message, ended.lines, task=name)
    if ended.exit != 0:
        raise AgentError("task-failed", f"task {name} ended with {_exit_words(ended.exit)}", ended.lines, task=name, exit=ended.exit)
    return {"exit": 0, "lines": ended.lines, "skipped": False}


def took_effect(context: Context, args: Mapping[str, Any]) -> bool:
    """Whether a task that began and has no ending is done, as its check says. Raises AgentError `unknown-outcome` where it has none."""
    if args.get("check") is None:
        raise _unknown(str(args["name"]))
    return _is_done(_runner(context, args), args["check"])


def wait_for_orphans(context: Context, key: str) -> None:
    """A step whose agent was killed may still run: let it end within its own bound."""
    while True:
        mine = [o for o in orphans(context.root) if (o.deployment, o.key) == (context.deployment, key)]
        if not mine:
            return
        overdue = context.left(time.monotonic()) <= 0
        for orphan in mine:
            if overdue or clock.boot_now() >= orphan.until:
                end(orphan)
        time.sleep(0.1)


def remembered_as(root: Root, salt: str, args: Mapping[str, Any]) -> Tuple[str, str]:
    """Under which deployment and key a task is remembered that is done once per release: `release:<digest>`, and a key that changes
    with its command, its environment and the toolchain. `salt` keeps values of the environment from being guessed from the key.
    """
    number = int(args["generation"])
    document, env = generations.read(root, number), generations.env_of(root, number)
    if document is None:
        raise AgentError("no-generation", f"generation {number} is not on this host", generation=number)
    name = str(args["name"])
    depends_on = [
        {what: args.get(what) for what in ("run", "directory", "check", "outputs")},
        env.get("common", {}),
        env.get("task", {}).get(name, {}),
        *([document["toolchains"]] if document.get("toolchains") else []),
    ]
    digest = blake2b(json.dumps(depends_on, sort_keys=True).encode(), key=salt.encode(), digest_size=8).hexdigest()
    return f"release:{document['release']}", f"task:{name}:{digest}"


def outputs_are_there(root: Root, release: str, args: Mapping[str, Any]) -> bool:
    """Whether what a task of that release writes is still on this host."""
    return all(root.stat(f"outputs/{plain(release)}/{path}") is not None for path in args.get("outputs") or [])


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (negative: the signal), None when it was ended at the timeout or for being moot."""

    exit: Optional[int]
    lines: List[str]


@dataclass(frozen=True)
class Runner:
    """Runs commands of one task: where, with which environment. With `literal` a list is run as it stands, $PORT and all."""

    directory: str
    environment: Mapping[str, str]
    timeout_seconds: float
    literal: bool = False

    def run(
        self,
        command: Any,
        timeout_seconds: float,
        show: Callable[[str], None],
        moot: Callable[[], bool] = _never,
        *,
        keep: Tuple[int, ...] = (),
    ) -> Ended:
        """Run a command to its end, to its timeout or until it is moot; afterwards nothing of its session is left.

        `keep` are descriptors that it holds open as well, for as long as it lives. Raises AgentError `task-failed`, `stuck`.
        """
        running = self.start(command, keep=keep)
        output = Output(show)
        try:
            exit_code = _attend(running.child, output, time.monotonic() + timeout_seconds, moot)
        finally:
            running.end()
        lines = output.end(LAST_LINES)
        if output.unseen_bytes:
            show(f"… and {output.unseen_bytes:,} bytes more that are not shown")
        return Ended(exit_code, lines)

    def start(self, command: Any, *, stdin: int = subprocess.DEVNULL, keep: Tuple[int, ...] = ()) -> Running:
        """Begin a command; its output is a pipe. Raises AgentError `task-failed`."""
        argv = tuple(command) if self.literal and not isinstance(command, str) else argv_of(command, "", "")
        try:
            child = subprocess.Popen(
                argv,
                cwd=self.directory,
                env=self.environment,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
                umask=0o022,
                pass_fds=keep,
            )
        except OSError as error:
            raise AgentError("task-failed", f"{argv[0]} cannot be started: {error.strerror}", command=argv[0]) from None
        # Asked before anybody reaps it: from then on its pid may be another's.
        leader = known(child.pid)
        return Running(child, Instance(self.environment[MARKER], child.pid, leader.start if leader else None))


@dataclass(frozen=True)
class Running:
    """A command that runs, and all that it starts."""

    child: subprocess.Popen[bytes]
    whole: Instance

    def end(self) -> None:
        """End whatever is left of it. Raises AgentError `stuck`."""
        _end_whole(self.child, self.whole)


def _runner(context: Context, args: Mapping[str, Any]) -> Runner:
    number = int(args["generation"])
    document = generations.read(context.root, number)
    if document is None:
        raise AgentError("no-generation", f"generation {number} is not on this host", generation=number)
    timeout_seconds = float(args["timeout_seconds"])
    release = context.root.full(f"releases/{document['release']}")
    directory = os.path.realpath(f"{release}/{args.get('directory') or '.'}")
    if (directory != release and not directory.startswith(f"{release}/")) or not os.path.isdir(directory):
        raise AgentError("directory", f"task {args['name']}: {args['directory']!r} is no directory of the release", path=directory)
    until = clock.boot_now() + timeout_seconds
    marked = marker_for(context.root, context.deployment, context.key, until)
    env = generations.env_of(context.root, number)
    environment = with_tools(environment_of(document, env, str(args["name"]), marked), context.root.path, document)
    return Runner(directory, environment, timeout_seconds)


def environment_of(document: Mapping[str, Any], env: Mapping[str, Any], task: str, marked: str) -> Dict[str, str]:
    """The whole environment of a task."""
    given = {**env.get("common", {}), **env.get("task", {}).get(task, {})}
    return {**defaults(), **given, **identity(document), MARKER: marked}


def _attend(child: subprocess.Popen[bytes], output: Output, until: float, moot: Callable[[], bool]) -> Optional[int]:
    """Read what it writes until it has ended, or None at the deadline and when it is moot."""
    assert child.stdout is not None
    fd = child.stdout.fileno()
    os.set_blocking(fd, False)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    open_still, ended_at, ask_at = True, float("inf"), 0.0
    while True:
        now = time.monotonic()
        if child.poll() is not None:
            ended_at = min(ended_at, now)
            if not open_still or now >= ended_at + SETTLE_SECONDS:
                return child.returncode
        if now >= until:
            return None
        if now >= ask_at:
            if moot():
                return None
            ask_at = now + ASK_SECONDS
        if not open_still:
            time.sleep(0.005)  # it has closed its output and still runs
        elif poll.poll(min(100.0, max(1.0, (until - now) * 1000))):
            data = os.read(fd, 1 << 16)
            output.feed(data)
            open_still = bool(data)


def _end_whole(child: subprocess.Popen[bytes], whole: Instance) -> None:
    """End whatever is left: the command itself at its timeout, what it put into the background, what left its group but kept the marker."""
    if child.poll() is None:
        _signal(child.pid, signal.SIGTERM)
        try:
            child.wait(1.0)
        except subprocess.TimeoutExpired:
            pass
    left = kill_whole(whole, KILL_SECONDS)
    if child.stdout is not None:
        child.stdout.close()
    if left:
        pids = [process.pid for process in left]
        raise AgentError("stuck", f"processes {pids} of the task do not end even by SIGKILL", pids=pids)
    child.wait(KILL_SECONDS)


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended in between


def _is_done(runner: Runner, check: Any) -> bool:
    return runner.run(check, min(runner.timeout_seconds, 60.0), lambda line: None).exit == 0


def _unknown(name: str) -> AgentError:
    return AgentError(
        "unknown-outcome",
        f"task {name} began before the link or the agent was lost, and whether it took effect is not known; "
        f"look at it, and give it a `check` (a command that ends with 0 when it is done) so that this settles itself",
        task=name,
    )


def _make_outputs(context: Context, release: str, outputs: List[str]) -> None:
    for path in outputs:
        context.root.at(f"outputs/{plain(release)}/{path}", create=True).close()


class _Log:
    """Shows lines to the driver, and keeps them in logs/tasks.log; the first of them in the journal too, for those who attach."""

    def __init__(self, context: Context, task: str) -> None:
        self._context = context
        self._task = task
        self._waiting: List[str] = []
        self._room = KEPT_BYTES
        self._kept_at = 0.0

    def __enter__(self) -> _Log:
        with self._context.root.at(LOGS, create=True, mode=0o700) as logs:
            self._fd = open_log(logs, LOG)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        self._kept_at = 0.0
        self.keep()

    def show(self, line: str) -> None:
        self._context.emit({"event": "output", "key": self._context.key, "line": line})
        if self._room > 0:
            self._room -= len(line) + 1
            self._waiting.append(line[:LONGEST_KEPT] if self._room > 0 else "… more is in logs/tasks.log …")
        try:
            os.write(self._fd, f"{self._task}: {line}\n".encode("utf-8", "replace"))
        except OSError:
            pass  # a full disk is told by what the task itself cannot write

    def keep(self) -> bool:
        """Journal what was said, at most twice a second. Always False."""
        if self._waiting and time.monotonic() >= self._kept_at + KEEP_SECONDS:
            lines, self._waiting, self._kept_at = self._waiting, [], time.monotonic()
            try:
                self._context.journal.event("output", self._context.deployment, {"key": self._context.key, "lines": lines}, synced=False)
            except AgentError:
                pass  # what cannot be journalled is told by the step that must be
        return False


def _exit_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"

"""A root in, what its daemon says of itself out: it is started where none runs, becomes our agent where it is another, and is asked.

This is the side of whoever is not the daemon, so it imports nothing of what only the daemon does.
"""

from __future__ import annotations

import os
import time

from shipway_agent import json_text as json
from shipway_agent import logs, sockets
from shipway_agent.apply import SOCKET, poke
from shipway_agent.errors import AgentError
from shipway_agent.itself import argv_of, own_file, own_hash
from shipway_agent.patience import patient
from shipway_agent.root import Root
from shipway_agent.surroundings import PATH, account
from shipway_agent.typed import Any, Dict, List, Mapping, Optional

START_SECONDS = 3.0
"""Until another start is tried."""

READY_SECONDS = 15.0
ANSWER_SECONDS = 5.0
IMPATIENT_SECONDS = 0.5
"""Until the question is repeated: the daemon that got it may just have been killed."""

MESSAGE_BYTES = 65536
STARTED_BY_SYSTEMD = "INVOCATION_ID"
"""systemd sets it for what it starts."""

PASSED_ON = ("SHIPWAY_BOOT_ID", STARTED_BY_SYSTEMD)
"""What another agent in our place, and the proxy's daemon, must know as well."""

LOG = "supervisor.log"


def ensure(root: Root, agent_path: Optional[str] = None, proxy_path: Optional[str] = None) -> Dict[str, Any]:
    """Have a daemon of this very agent run, and answer what it says of itself: {"agent", "pid"}. It has taken a turn since the call.

    `agent_path` is the agent's one file, by default the file this runs from; from sources any daemon will do. A daemon of another agent
    becomes this one and keeps its processes. Raises AgentError `supervisor` with the last lines of its log when none answers within 15 s,
    or longer where this machine does not keep up.
    """
    path = agent_path or own_file()
    wanted = own_hash() if path is None or path == own_file() else os.path.basename(path).partition(".")[0]
    bound = patient(READY_SECONDS)
    until = time.monotonic() + bound
    asked_to_change, start_again = False, 0.0
    while True:
        answer = ask(root, {"hello": True}, IMPATIENT_SECONDS)
        if answer is not None and (answer["agent"] == wanted or path is None):
            return answer
        # One that holds the lock and does not answer is starting, ending or becoming another agent: a second would outlive its end.
        if answer is None and time.monotonic() >= start_again and not root.supervised():
            start(root, path, proxy_path)
            start_again = time.monotonic() + patient(START_SECONDS)
        elif answer is not None and not asked_to_change and path is not None:
            poke(root, {"upgrade": path, "hash": wanted})
            asked_to_change = True
        if time.monotonic() >= until:
            raise _silent(root, answer, wanted, bound)
        time.sleep(0.02)


def ask(root: Root, message: Mapping[str, Any], timeout_seconds: float = ANSWER_SECONDS) -> Optional[Dict[str, Any]]:
    """Send the daemon a message and wait for its answer, which comes after a whole turn; None where no daemon runs or answers."""
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM | sockets.SOCK_CLOEXEC) as asker:
        asker.bind("")  # the kernel gives it a name of its own, to which the daemon answers
        asker.settimeout(timeout_seconds)
        with root.at("run", create=True, mode=0o700) as run:
            try:
                asker.sendto(json.dumps(message).encode(), f"/proc/self/fd/{run.fd}/{SOCKET}")
                answer: Dict[str, Any] = json.loads(asker.recv(MESSAGE_BYTES))
            except (OSError, ValueError):
                return None
    return answer


def argv(path: Optional[str], root_path: str, proxy_path: Optional[str]) -> List[str]:
    """The argument list of a daemon."""
    return argv_of(path, ["supervise", "--root", root_path, *(["--proxy", proxy_path] if proxy_path else [])])


def environment() -> Dict[str, str]:
    """Nothing of the login, and above all no marker of an app whose process may have called us."""
    ours = account()
    found = {"PATH": PATH, "HOME": ours.home, "USER": ours.name, "LANG": "C.UTF-8"}
    return {**found, **{name: os.environ[name] for name in PASSED_ON if name in os.environ}}


def start(root: Root, path: Optional[str], proxy_path: Optional[str]) -> None:
    """Start `supervise` in a process of its own, which leaves us behind; whether it came up, `ensure` sees."""
    words = argv(path, root.path, proxy_path)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    with root.at(logs.FOLDER, create=True, mode=0o700) as folder:
        log_fd = logs.open_log(folder, LOG)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, log_fd, 1), (os.POSIX_SPAWN_DUP2, log_fd, 2)]
        pid = os.posix_spawn(words[0], words, environment(), file_actions=actions)
    except OSError as error:
        raise AgentError("supervisor", f"{words[0]} cannot be started: {error.strerror}") from error
    finally:
        os.close(null)
        os.close(log_fd)
    os.waitpid(pid, 0)


def _silent(root: Root, answer: Optional[Mapping[str, Any]], wanted: str, bound_seconds: float) -> AgentError:
    with root.at(logs.FOLDER, create=True, mode=0o700) as folder:
        lines = logs.last(folder, LOG, 10)
    if answer is not None:
        return AgentError("supervisor", f"the supervisor of {root.path} stays with agent {answer['agent'][:16]}, not {wanted[:16]}", lines)
    return AgentError(
        "supervisor",
        f"the supervisor of {root.path} did not answer within {bound_seconds:.3g} s (its log: {root.path}/{logs.FOLDER}/{LOG})",
        lines,
    )

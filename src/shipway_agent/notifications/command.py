"""A command and an entry in, the command run with the entry on its stdin out, or Undelivered. No value of the entry is an argument."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any, Mapping

from shipway_agent import logs
from shipway_agent.notifications import words
from shipway_agent.notifications.connect import Undelivered
from shipway_agent.root import Root
from shipway_agent.spawn import argv_of
from shipway_agent.surroundings import defaults

SECONDS = 60.0
LOG = "notifications.log"


def send(root: Root, target: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
    """Run it, in a session of its own and in the home directory; what it prints goes to logs/notifications.log. Raises Undelivered."""
    environment = defaults()
    argv = argv_of(target["run"], "", "")
    with root.at(logs.FOLDER, create=True, mode=0o700) as folder:
        log_fd = logs.open_log(folder, LOG)
    try:
        running = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=log_fd,
            stderr=log_fd,
            cwd=environment["HOME"],
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise Undelivered(f"it cannot be started: {os.strerror(error.errno or 0)}") from None
    finally:
        os.close(log_fd)
    try:
        running.communicate(json.dumps(words.payload(entry)).encode() + b"\n", SECONDS)
    except subprocess.TimeoutExpired:
        raise Undelivered(f"it did not end within {SECONDS:g} s") from None
    finally:
        _end(running)
    if running.returncode != 0:
        raise Undelivered(f"it ended with {running.returncode}; {logs.FOLDER}/{LOG} has what it printed")


def _end(running: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(running.pid, signal.SIGKILL)  # and whatever it left behind in its group
    except (ProcessLookupError, PermissionError):
        pass
    running.wait()

"""Ids of letters in, one try for each out: what the process beside the daemon does, and then it ends. Its results are in the journal."""

from __future__ import annotations

import signal
import threading
from typing import Any, List, Mapping, Sequence

from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.notifications import box, kept
from shipway_agent.notifications.connect import Undelivered
from shipway_agent.root import Root

WHOLE_SECONDS = 120
"""After this the kernel ends the process, whatever holds it: a resolver has no bound of its own."""


def send(root_path: str, ids: Sequence[str]) -> int:
    """Try to send these letters, all at once. 0 when it came to its end; 1 when another such process is at it."""
    signal.alarm(WHOLE_SECONDS)
    with Root(root_path) as root:
        try:
            with root.sending_lock():
                _send_all(root, ids)
        except AgentError as error:
            if error.code == "busy":
                return 1
            raise
    return 0


def deliver(root: Root, target: Mapping[str, Any], letter: box.Letter) -> None:
    """Send one letter to its target. Raises Undelivered."""
    try:
        if target["kind"] == kept.WEBHOOK:
            from shipway_agent.notifications import webhook

            webhook.send(target, letter.entry)
        elif target["kind"] == kept.EMAIL:
            from shipway_agent.notifications import mail

            mail.send(target, letter.entry)
        else:
            from shipway_agent.notifications import command

            command.send(root, target, letter.entry)
    except ImportError:
        raise Undelivered("this python3 has no ssl module") from None


def _send_all(root: Root, ids: Sequence[str]) -> None:
    def one(name: str) -> None:
        with Journal(root) as journal:
            _try(root, journal, name)

    threads: List[threading.Thread] = [threading.Thread(target=one, args=(name,), name=f"letter {name}") for name in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _try(root: Root, journal: Journal, name: str) -> None:
    letter = box.begin_try(journal, name)
    if letter is None:
        return
    target = next((target for target in kept.read(root) if target["id"] == letter.target), None)
    if target is None:
        box.not_sent(journal, letter, "it is not configured any more", for_good=True)
        return
    try:
        deliver(root, target, letter)
    except Undelivered as error:
        box.not_sent(journal, letter, error.words)
    except Exception as error:  # a fault of ours is told like one of theirs, by its kind: its words may hold the target
        box.not_sent(journal, letter, f"a fault in the agent itself: {type(error).__name__}")
    else:
        box.sent(journal, letter)

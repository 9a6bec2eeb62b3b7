"""An exit code that is known in; from then on a signal ends the words about it, and changes nothing of it."""

from __future__ import annotations

import os
import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a program from outside and may be answered; not where whoever started it has them ignored (nohup)."""

_known: int | None = None


def begin() -> None:
    """Watch over the exit code of this process, to its end. Before it is known, signals do what they do everywhere else."""
    for number in heard():
        signal.signal(number, _on_signal)


def stands(exit_code: int) -> None:
    """Nothing changes the exit code any more."""
    global _known
    _known = exit_code


def heard() -> list[signal.Signals]:
    """The signals that are not ignored here."""
    return [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def end_now(exit_code: int) -> None:
    """End this process at once. Its ssh processes see their stdin close and end as well."""
    os._exit(exit_code)


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _known is not None:
        end_now(_known)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)

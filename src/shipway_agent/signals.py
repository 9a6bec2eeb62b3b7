"""Signals that whoever started us ignores (nohup, a shell's `&`) in; heard by us without effect, and default in what we start, out."""

from __future__ import annotations

import signal

SET_BACK_BY_SUBPROCESS = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
"""Python ignores these by itself, and sets them back in its children."""


def hear_what_is_ignored() -> None:
    """Replace *ignored* by a handler that does nothing: it does not outlive an exec, while *ignored* is inherited by what we start.

    An application that is told to end by SIGQUIT or SIGINT would otherwise stay, for a reason on another machine.
    """
    for number in signal.valid_signals() - SET_BACK_BY_SUBPROCESS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def set_all_back() -> None:
    """In a child before its exec: every signal as at the beginning, none blocked."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])

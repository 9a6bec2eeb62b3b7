"""Signals that whoever started us ignores (nohup, a shell's `&`) in; heard by us without effect, and default in what we start, out."""

from __future__ import annotations

from shipway_agent.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # the other one makes enumerations of all the names: 2 ms of each login

SIGKILL = signal.SIGKILL

SET_BACK_BY_SUBPROCESS = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
"""Python ignores these by itself, and sets them back in its children."""


def hear_what_is_ignored() -> None:
    """Replace *ignored* by a handler that does nothing: it does not outlive an exec, while *ignored* is inherited by what we start.

    An application that is told to end by SIGQUIT or SIGINT would otherwise stay, for a reason on another machine.
    """
    for number in signal.valid_signals() - SET_BACK_BY_SUBPROCESS:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def hear_hang_up() -> None:
    """A lost link ends a session by the end of its stdin, never in the middle of a step. A handler, unlike *ignored*, is not inherited."""
    signal.signal(signal.SIGHUP, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def set_all_back() -> None:
    """In a child before its exec: every signal as at the beginning, none blocked."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])

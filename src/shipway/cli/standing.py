"""An exit code that is known in; Ctrl-C ends the words about it, and changes nothing of it."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType


class Standing:
    """While the block lasts, Ctrl-C ends this process at once with the exit code that is `known`; None until then: a KeyboardInterrupt."""

    def __init__(self) -> None:
        self.known: int | None = None

    def __enter__(self) -> Standing:
        self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.known is None:
            raise KeyboardInterrupt
        end_now(self.known)


def end_now(exit_code: int) -> None:
    """End this process at once. Its ssh processes see their stdin close and end as well."""
    os._exit(exit_code)

"""An exception that nobody foresaw in, a refusal that whoever mends it can use out: no traceback reaches a terminal."""

from __future__ import annotations

import os

from shipway_agent.errors import AgentError, from_os

LINES = 5


def unforeseen(error: BaseException) -> AgentError:
    """The refusal for an exception: of the kernel by its own codes, else `internal` with the places in our code as lines."""
    if isinstance(error, AgentError):
        return error
    if isinstance(error, OSError):
        name: object = error.filename
        return from_os(error, os.fsdecode(name) if isinstance(name, (str, bytes)) else "a file")
    import traceback  # costs 10 ms, and is needed only for what should not happen

    frames = traceback.extract_tb(error.__traceback__)[-LINES:]
    where = [f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return AgentError("internal", f"a fault in the agent itself: {type(error).__name__}: {error}", where)

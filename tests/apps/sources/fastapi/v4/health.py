import time

from fastapi import HTTPException

live_since = None


def healthy() -> dict[str, str]:
    if live_since is not None and time.monotonic() - live_since > 1.5:
        raise HTTPException(503, "the warehouse does not answer")
    return {"state": "healthy"}


async def watch(request, call_next):
    """Turns sick a moment after the first visitor came through the front door."""
    global live_since
    if live_since is None and "x-forwarded-for" in request.headers:
        live_since = time.monotonic()
    return await call_next(request)

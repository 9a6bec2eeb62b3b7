"""A host and the names of its blobs in, files of a folder with their contents out, each verified by its digest."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

from shipway.execute.fleet import Fleet
from shipway.model.errors import HostError

READ_SECONDS = 60.0

AT_ONCE = 16
"""Questions for content under way at once: small files are many, and each is a way there and back."""


async def fetch(fleet: Fleet, host: str, blobs: Iterable[tuple[str, bool]], folder: Path) -> None:
    """Bring blobs (digest, executable) into files of `folder` named by their digests; what is there already is not asked for.

    Raises HostError `flipped` where content is not what its digest says, and what the host says.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def one(digest: str, executable: bool) -> None:
        async with room:
            await _fetch(fleet, host, digest, executable, folder)

    tasks = [asyncio.ensure_future(one(digest, executable)) for digest, executable in dict(blobs).items()]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def _fetch(fleet: Fleet, host: str, digest: str, executable: bool, folder: Path) -> None:
    path = folder / digest
    if path.exists():
        return
    hashing, offset, size = hashlib.blake2b(digest_size=32), 0, 1
    part = folder / f"{digest}.part"
    with part.open("wb") as file:
        while offset < size:
            args = {"digest": digest, "executable": executable, "offset": offset}
            answer = await fleet.call(host, "get", args, timeout_seconds=READ_SECONDS)
            data, size = base64.b64decode(answer["data"]), int(answer["size"])
            if not data and offset < size:
                break
            hashing.update(data)
            file.write(data)
            offset += len(data)
    if hashing.hexdigest() != digest:
        raise HostError(host, "flipped", f"blob {digest} on this host is damaged")
    part.rename(path)

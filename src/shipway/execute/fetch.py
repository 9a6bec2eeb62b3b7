"""A host and the names of its blobs in, files of a folder with their contents out, each verified by its digest."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from shipway.execute.fleet import Fleet
from shipway.execute.let_go import all_or_none
from shipway.model.errors import HostError

READ_SECONDS = 60.0

AT_ONCE = 4
"""Questions for content under way at once."""

SMALL_BYTES, TOGETHER_BYTES = 256 * 1024, 2 << 20
"""Smaller blobs are asked for so many bytes at a time: each question is a way there and back."""

Blob = tuple[str, bool, int]
"""Digest, executable, size in bytes; less than 0 where that is not known."""


async def fetch(fleet: Fleet, host: str, blobs: Iterable[Blob], folder: Path) -> None:
    """Bring blobs into files of `folder` named by their digests; what is there already is not asked for.

    Raises HostError `flipped` where content is not what its digest says, and what the host says.
    """
    room = asyncio.Semaphore(AT_ONCE)
    wanted = {digest: (digest, executable, size) for digest, executable, size in blobs if not (folder / digest).exists()}

    async def one(together: Sequence[Blob]) -> None:
        async with room:
            if len(together) > 1:
                await _fetch_small(fleet, host, together, folder)
            else:
                await _fetch(fleet, host, *together[0][:2], folder)

    await all_or_none(asyncio.ensure_future(one(together)) for together in _grouped(wanted.values()))


def _grouped(blobs: Iterable[Blob]) -> Iterator[list[Blob]]:
    together: list[Blob] = []
    size = 0
    for blob in blobs:
        if not 0 <= blob[2] < SMALL_BYTES:
            yield [blob]
            continue
        together.append(blob)
        size += blob[2]
        if size >= TOGETHER_BYTES:
            yield together
            together, size = [], 0
    if together:
        yield together


async def _fetch_small(fleet: Fleet, host: str, together: Sequence[Blob], folder: Path) -> None:
    args = {"blobs": [[digest, executable] for digest, executable, _ in together]}
    answer = await fleet.call(host, "get_many", args, timeout_seconds=READ_SECONDS)
    if len(answer["data"]) != len(together):
        raise _flipped(host, together[len(answer["data"])][0])  # one of them has become longer than it was
    for (digest, _, _), text in zip(together, answer["data"], strict=True):
        data = base64.b64decode(text)
        if hashlib.blake2b(data, digest_size=32).hexdigest() != digest:
            raise _flipped(host, digest)
        (folder / digest).write_bytes(data)


async def _fetch(fleet: Fleet, host: str, digest: str, executable: bool, folder: Path) -> None:
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
        raise _flipped(host, digest)
    part.rename(folder / digest)


def _flipped(host: str, digest: str) -> HostError:
    return HostError(host, "flipped", f"blob {digest} on this host is damaged")

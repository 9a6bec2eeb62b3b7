"""Blobs and a host's lacks in, shipped bytes out. Only what a host has said it lacks travels, verified at the other end."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Protocol

from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell

CHUNK_BYTES = 256 * 1024

SMALL_BYTES = 16 * 1024
"""What is compressed on the spot; more goes to a thread, so that renewals and other hosts do not wait for it."""

PUT_SECONDS = 1800.0
"""Bound of one upload; a channel that carries nothing at all is noticed earlier by ssh's own keep-alive."""


class Blobs(Protocol):
    """Where content is read on the operator's side."""

    def wanted(self, host: str) -> Sequence[tuple[str, bool, int]]:
        """Every blob that host needs: digest, executable, size in bytes."""
        ...

    def read(self, digests: Iterable[str]) -> Iterable[bytes]:
        """The content of each digest, in order."""
        ...

    def path(self, digest: str) -> str | None:
        """A file on this machine with exactly this content, for hosts that are this machine."""
        ...


async def ship(fleet: Fleet, blobs: Blobs, tell: Tell, name: str) -> dict[str, Any]:
    """Bring one host what it lacks, and answer what that was: the data of the event *shipped*.

    Raises HostError; what has arrived stays, so that another try sends only the rest.
    """
    wanted = blobs.wanted(name)
    loop = asyncio.get_running_loop()
    began, sent_before = loop.time(), fleet.bytes_sent(name)
    answer = await fleet.call(name, "lack", {"blobs": [[digest, executable] for digest, executable, _ in wanted]}, timeout_seconds=60.0)
    lacking = {(digest, bool(executable)) for digest, executable in answer["lacking"]}
    missing = [blob for blob in wanted if (blob[0], blob[1]) in lacking]
    local = fleet.hosts[name].address == "local"
    linked = [blob for blob in missing if local and blobs.path(blob[0])]
    for digest, executable, size in linked:
        args = {"digest": digest, "executable": executable, "size": size, "link": blobs.path(digest)}
        await fleet.call(name, "put", args, timeout_seconds=PUT_SECONDS)
    rest = [blob for blob in missing if blob not in linked]
    if rest:
        await fleet.call(
            name,
            "put_many",
            {"blobs": [list(blob) for blob in rest], "packing": "" if local else "zlib"},
            body=_packed(blobs, rest, pack=not local),
            timeout_seconds=PUT_SECONDS,
        )
    shipped = {
        "blobs": len(missing),
        "bytes": sum(size for _, _, size in missing),
        "sent": fleet.bytes_sent(name) - sent_before,
        "seconds": loop.time() - began,
    }
    tell("shipped", host=name, **shipped)
    return shipped


def _packed(blobs: Blobs, rest: Sequence[tuple[str, bool, int]], *, pack: bool) -> Callable[[], AsyncIterator[bytes]]:
    async def body() -> AsyncIterator[bytes]:
        packer = zlib.compressobj(6) if pack else None
        for content in blobs.read([digest for digest, _, _ in rest]):
            for start in range(0, len(content), CHUNK_BYTES):
                chunk = content[start : start + CHUNK_BYTES]
                packed = await _compressed(packer, chunk) if packer else chunk
                if packed:
                    yield packed
        if packer:
            yield packer.flush()

    return body


async def _compressed(packer: zlib._Compress, chunk: bytes) -> bytes:
    return packer.compress(chunk) if len(chunk) <= SMALL_BYTES else await asyncio.to_thread(packer.compress, chunk)

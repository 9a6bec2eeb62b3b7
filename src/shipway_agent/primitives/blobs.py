"""Content in, a file named by its digest out. `blobs/` is shared by all releases of a root: what is there need not travel again."""

from __future__ import annotations

import binascii
import os

from shipway_agent.blake import blake2b
from shipway_agent.body import Parts
from shipway_agent.errors import AgentError, naming
from shipway_agent.manifest import digest_of
from shipway_agent.primitives import Context
from shipway_agent.primitives.intake import FOLDER, READ, flipped, intake, name_of, shelf_of
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

CHUNK = 1 << 20
FIRST = 1 << 16
"""Bytes of the first read: most files are no longer, and room for CHUNK costs more than to read them."""

PART_BYTES = 4 << 20
"""Most of a blob in one answer."""

Wanted = Tuple[str, bool, int]
"""Digest, executable, size in bytes."""


def put(context: Context, args: Mapping[str, Any], body: Iterable[bytes]) -> Dict[str, Any]:
    """Keep one blob: from `body`, or from the file of this machine that `link` names. Raises AgentError `flipped` for other content."""
    wanted = [(digest_of(args["digest"]), bool(args["executable"]), int(args["size"]))]
    if not args.get("link"):
        return keep(context.root, wanted, body)
    with naming(str(args["link"])), open(str(args["link"]), "rb") as file:
        return keep(context.root, wanted, iter(lambda: file.read(CHUNK), b""))


def read(root: Root, digest: str) -> bytes:
    """A small blob's content, verified. Raises Missing, or AgentError `flipped`."""
    with root.at(FOLDER) as folder:
        data = folder.read(f"{shelf_of(digest)}/{name_of(digest, False)}")
    if blake2b(data, digest_size=32).hexdigest() != digest:
        raise AgentError("flipped", f"blob {digest} on this host is damaged", digest=digest)
    return data


def get(root: Root, args: Mapping[str, Any]) -> Dict[str, Any]:
    """A part of one blob from `offset` on, for a member that lacks it: {"size": of the whole, "data": base64}. Raises Missing."""
    digest, executable = digest_of(args["digest"]), bool(args["executable"])
    with root.at(f"{FOLDER}/{shelf_of(digest)}") as shelf, naming(shelf.path):
        fd = os.open(name_of(digest, executable), READ, dir_fd=shelf.fd)
        try:
            data = os.pread(fd, PART_BYTES, max(0, int(args.get("offset", 0))))
            return {"size": os.fstat(fd).st_size, "data": binascii.b2a_base64(data, newline=False).decode()}
        finally:
            os.close(fd)


def get_many(root: Root, args: Mapping[str, Any]) -> Dict[str, Any]:
    """The contents of blobs, in order: {"data": [base64]}, as many of them as PART_BYTES hold. Raises Missing."""
    found: List[str] = []
    room = PART_BYTES
    for digest, executable in args["blobs"]:
        answer = get(root, {"digest": digest, "executable": executable})
        room -= int(answer["size"])
        if room < 0:
            break
        found.append(answer["data"])
    return {"data": found}


def digest_of_file(fd: int) -> Tuple[str, int]:
    """Digest and size of the rest of an open file."""
    hashing, size = blake2b(digest_size=32), 0
    while True:
        part = os.read(fd, CHUNK if size else FIRST)
        if not part:
            return hashing.hexdigest(), size
        hashing.update(part)
        size += len(part)


def keep(root: Root, wanted: Sequence[Wanted], body: Iterable[bytes]) -> Dict[str, Any]:
    """Keep blobs whose contents follow each other in `body`; all of them, or none when one is not what its digest says."""
    parts = Parts(body)
    with intake(root, len(wanted), sum(size for _, _, size in wanted)) as arriving:
        for digest, executable, size in wanted:
            blob = arriving.begin(digest, executable)
            try:
                for part in parts.take(size):
                    blob.write(part)
                if not blob.end():
                    raise flipped(digest)
            finally:
                blob.close()
        if parts.more():
            raise AgentError("body", "more bytes arrived than were announced; nothing was kept")
    return {"stored": len(wanted)}

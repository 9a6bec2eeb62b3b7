"""The digest of a content in; out, the time of last write that a file gets which the proxy serves: so its ETag follows what is in it.

Caddy makes an ETag of that time and the size. Left alone it would tell when a file came to this host: other on each, and new for a file
that was sent again. The seconds lie between 2001 and 2011, and nobody sees them: Last-Modified is not said, If-Modified-Since not heard.
"""

from __future__ import annotations

import os

from shipway_agent.folder import Name

FIRST_SECOND = 1_000_000_000
SECONDS = 300_000_000
NANOSECONDS = 1_000_000_000


def time_of(digest: str) -> int:
    """Nanoseconds since the epoch. Two contents of one size share it once in 10¹⁷."""
    second = FIRST_SECOND + int(digest[:16], 16) % SECONDS
    return second * NANOSECONDS + int(digest[16:32], 16) % NANOSECONDS


def stamp(dir_fd: int, name: Name, digest: str) -> bool:
    """Give the file in an open directory the time of its content; False where it has it. Raises OSError."""
    info = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    wanted = time_of(digest)
    if info.st_mtime_ns == wanted:
        return False
    os.utime(name, ns=(info.st_atime_ns, wanted), dir_fd=dir_fd, follow_symlinks=False)
    return True

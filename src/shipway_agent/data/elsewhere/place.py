"""The destination of copies as shipway.toml has it in; out, its parts, each of which is data and never a word of a command."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional
from urllib.parse import urlsplit

USER = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"
HOST = "[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
BUCKET = "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"

DIRECTORY = "directory"
SSH = "ssh"
S3 = "s3"


class Place(NamedTuple):
    """Where copies go. `path` is absolute for a directory and another host, and a prefix without slashes around it in a bucket."""

    kind: str
    path: str
    user: str = ""
    host: str = ""
    port: Optional[int] = None
    bucket: str = ""


def place_of(text: str) -> Place:
    """The parts of a destination. Raises ValueError, with a sentence that completes "`text` …"."""
    if not text.isprintable() or len(text.encode("utf-8", "surrogatepass")) > 1000:
        raise ValueError("may not hold control characters, nor be longer than 1000 bytes")
    if text.startswith("s3://"):
        return _bucket(text)
    if text.startswith("/"):
        return Place(DIRECTORY, _absolute(text))
    if text.startswith("ssh://"):
        return _url(text)
    at, colon, path = text.partition(":")
    if not colon or "/" in at:
        raise ValueError("should be /DIRECTORY, USER@HOST:/DIRECTORY, ssh://USER@HOST:PORT/DIRECTORY or s3://BUCKET/PREFIX")
    user, _, host = at.rpartition("@")
    return _other_host(user, host, None, path)


def _url(text: str) -> Place:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("has a port that is no number") from None
    if parts.password is not None:
        raise ValueError("may not hold a password: the host's own key logs in")
    if parts.query or parts.fragment:
        raise ValueError("may not hold ? or #")
    return _other_host(parts.username or "", parts.hostname or "", port, parts.path)


def _other_host(user: str, host: str, port: Optional[int], path: str) -> Place:
    if (user and not re.fullmatch(USER, user)) or not re.fullmatch(HOST, host):
        raise ValueError("should name the other host as USER@HOST, or as a Host of the ssh_config there")
    if not path.startswith("/"):
        raise ValueError("should name an absolute directory on the other host")
    return Place(SSH, _absolute(path), user, host, port)


def _bucket(text: str) -> Place:
    bucket, _, prefix = text[len("s3://") :].partition("/")
    if not re.fullmatch(BUCKET, bucket):
        raise ValueError("should be s3://BUCKET/PREFIX")
    prefix = prefix.strip("/")
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        raise ValueError("should have a prefix without empty parts, . and ..")
    return Place(S3, prefix, bucket=bucket)


def _absolute(path: str) -> str:
    parts = path.rstrip("/").split("/")[1:]
    if not parts or any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts):
        raise ValueError("should be a directory below /, without . and .. in it")
    return "/" + "/".join(parts)

"""A URL in, its content out: over TLS that is verified, bounded in size and time; a file is there whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from threading import Event

from shipway.model.errors import Refused
from shipway.release.source import UNTOUCHED
from shipway.release.toolchain.resolved import Archive

SILENT_SECONDS = 60.0
"""A server that says nothing for so long is given up."""

LIST_BYTES = 20_000_000
ARCHIVE_BYTES = 600_000_000
CHUNK_BYTES = 1 << 20


def text(url: str) -> str:
    """A small page. Raises Refused (code "toolchain")."""
    with _opened(url) as answer:
        data: bytes = answer.read(LIST_BYTES + 1)
    if len(data) > LIST_BYTES:
        raise not_to_be_had(f"{url} is longer than {LIST_BYTES // 1_000_000} MB", "set another `mirror`")
    return data.decode("utf-8", "replace")


def archive(wanted: Archive, path: Path, stop: Event | None = None) -> None:
    """Write the archive to `path`. Raises Refused where it cannot be had, or is not what its checksum says; nothing is then at `path`."""
    digest, size = hashlib.sha256(), 0
    aside = path.with_name(f"{path.name}.part")
    with _opened(wanted.url) as answer, aside.open("wb") as file:
        while chunk := answer.read(CHUNK_BYTES):
            size += len(chunk)
            if size > ARCHIVE_BYTES or (stop is not None and stop.is_set()):
                raise not_to_be_had(
                    f"{wanted.url} is longer than {ARCHIVE_BYTES // 1_000_000} MB, or was interrupted", "the same command again"
                )
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != wanted.sha256:
        aside.unlink()
        raise not_to_be_had(
            f"{wanted.url} is not what its checksum says: {digest.hexdigest()[:16]}… instead of {wanted.sha256[:16]}…",
            "the same command again; if it stays, somebody changes what you fetch: look at the proxy or the mirror",
        )
    aside.rename(path)


def not_to_be_had(message: str, hint: str, *details: str) -> Refused:
    """What cannot be had of a toolchain."""
    return Refused(message, state=UNTOUCHED, hint=hint, code="toolchain", details=details)


class _Reader:
    """An answer whose faults while reading are told as those while asking."""

    def __init__(self, url: str, answer: object) -> None:
        self._url = url
        self._read = getattr(answer, "read")  # noqa: B009  # urllib types its answers as anything

    def read(self, size: int) -> bytes:
        try:
            return bytes(self._read(size))
        except (OSError, HTTPException) as error:
            raise _unreachable(self._url, error) from None


@contextmanager
def _opened(url: str) -> Iterator[_Reader]:
    asked = urllib.request.Request(url, headers={"User-Agent": "shipway"})  # noqa: S310  # https, or loopback: config/forms.py
    try:
        answer = urllib.request.urlopen(asked, timeout=SILENT_SECONDS)  # noqa: S310
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(url, error) from None
    with answer:
        yield _Reader(url, answer)


def _unreachable(url: str, error: Exception) -> Refused:
    why = str(getattr(error, "reason", error))
    if isinstance(error, urllib.error.HTTPError):
        why = f"{error.code} {why}"
        error.close()
    return not_to_be_had(
        f"{url} cannot be had: {why}", "connect this machine to it, or set `mirror` of the tool in shipway.toml and commit"
    )

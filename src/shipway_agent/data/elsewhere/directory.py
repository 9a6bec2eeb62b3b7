"""A directory of this host that another disk or machine is mounted at, in; out, files in it, read back from there."""

from __future__ import annotations

import hashlib
import os
from typing import Dict, Iterable, Iterator

from shipway_agent.data.content import CHUNK
from shipway_agent.data.elsewhere.store import Hashing, damaged
from shipway_agent.errors import AgentError

UNFINISHED = ".new-"


class Directory:
    """`top` must be there: it is what somebody mounts or makes, and one of that name that is made here would hide that nobody did."""

    def __init__(self, top: str, folder: str) -> None:
        self._top = top
        self._path = f"{top}/{folder}"

    def put(self, name: str, content: Iterable[bytes], likely_bytes: int) -> None:
        """Raises AgentError `copy-place`, `copy-damaged`."""
        self._make()
        aside = f"{self._path}/{UNFINISHED}{name}"
        sent = Hashing(content)
        try:
            self._forget(aside)
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb", CHUNK) as file:
                for part in sent:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
                # What is read next comes from there and not from this machine's memory, as far as the kernel can help it.
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if self._sum(aside) != sent.digest:
                raise damaged(f"{self._path}/{name}")
            os.rename(aside, f"{self._path}/{name}")
            for rest in os.listdir(self._path):
                if rest.startswith(UNFINISHED):  # of one that was killed
                    self._forget(f"{self._path}/{rest}")
            _sync(self._path)
        except OSError as error:
            raise self._no(error) from None
        finally:
            self._forget(aside)

    def names(self) -> Dict[str, int]:
        """Raises AgentError `copy-place`."""
        self._is_there()
        try:
            with os.scandir(self._path) as entries:
                return {one.name: one.stat().st_size for one in entries if one.is_file(follow_symlinks=False) and one.name[0] != "."}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._no(error) from None

    def get(self, name: str) -> Iterator[bytes]:
        """Raises AgentError `copy-place`."""
        try:
            with open(os.open(f"{self._path}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", 0) as file:
                while part := file.read(CHUNK):
                    yield part
        except OSError as error:
            raise self._no(error) from None

    def drop(self, name: str) -> None:
        """Raises AgentError `copy-place`."""
        try:
            os.unlink(f"{self._path}/{name}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._no(error) from None

    def _is_there(self) -> None:
        if not os.path.isdir(self._top):
            raise AgentError("copy-place", f"{self._top} is no directory of this host: mount or make it")

    def _make(self) -> None:
        self._is_there()
        try:
            path = self._top
            for part in self._path[len(self._top) + 1 :].split("/"):
                path = f"{path}/{part}"
                if not os.path.isdir(path):
                    os.mkdir(path, 0o700)
                    _sync(os.path.dirname(path))
        except OSError as error:
            raise self._no(error) from None

    def _sum(self, path: str) -> str:
        hashing = hashlib.sha256()
        with open(path, "rb", 0) as file:
            while part := file.read(CHUNK):
                hashing.update(part)
        return hashing.hexdigest()

    def _forget(self, path: str) -> None:
        try:
            os.unlink(path)
        except OSError:
            pass  # it has its name, or was never made; what is there under another is never listed

    def _no(self, error: OSError) -> AgentError:
        return AgentError("copy-place", f"{self._path}: {os.strerror(error.errno or 0)}")


def _sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

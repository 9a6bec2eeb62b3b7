"""Arguments in, what git's plumbing answers out: nothing of the caller's environment, no hook, no prompt, no network, no write."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import IO

from shipway.model.errors import Refused
from shipway_agent.record import dataclass

CHUNK_BYTES = 1 << 20
BOUND_SECONDS = 600.0

_SETTINGS = (
    "protocol.allow=never",
    "protocol.ext.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=keep",
    "core.pager=cat",
    "gc.auto=0",
    "maintenance.auto=false",
)


class GitFailed(Refused):
    """git ended as it should not have: the repository is damaged, or lacks objects. `lines` is what git said."""

    def __init__(self, verb: str, code: int, said: bytes) -> None:
        self.lines = tuple(said.decode("utf-8", "backslashreplace").splitlines())
        super().__init__(
            f"git {verb} ended with {code}",
            state="nothing was touched",
            hint="Type `git fsck`; where objects are missing, `git fetch` may bring them.",
            code="git",
            details=self.lines[-10:],
        )


class GitSilent(Refused):
    """git did not end in time, and was ended. Nobody who asks for less, or asks again, gets an answer: so it is no GitFailed."""

    def __init__(self, verb: str) -> None:
        super().__init__(
            f"git {verb} did not answer within {BOUND_SECONDS:g} s, and was ended",
            state="nothing was touched",
            hint="Type `git status`: it hangs too, where a disk (NFS) or a program that git calls does not answer.",
            code="git",
        )


@dataclass(slots=True)
class Blob:
    """One object that git streams. It must be read before the next one is asked for."""

    oid: str
    kind: str
    size: int
    _stream: IO[bytes]
    _left: int

    def content(self) -> bytes:
        """All of it: in one piece, for pieces of 20 MB cost as much to put together as to read. Raises GitFailed."""
        return self._take(self._left)

    def chunks(self) -> Iterator[bytes]:
        """Its content without holding it whole. Raises GitFailed."""
        while self._left:
            yield self._take(min(self._left, CHUNK_BYTES))

    def _take(self, size: int) -> bytes:
        taken = self._stream.read(size)
        if len(taken) < size:
            raise GitFailed("cat-file", 128, b"an object ends early")
        self._left -= size
        return taken


@dataclass(frozen=True, slots=True)
class Named:
    """One small object that a name led to."""

    oid: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Git:
    """git for one repository. `where` says which: `-C directory` or `--git-dir directory`; `settings` come on top of ours."""

    where: tuple[str, ...]
    settings: tuple[str, ...] = ()

    def run(self, *arguments: str, sent: bytes = b"", answers: Collection[int] = (0,)) -> tuple[int, bytes]:
        """Its code and output. Raises GitFailed when the code is not one of `answers`, GitSilent when it does not end,
        FileNotFoundError when there is no git.
        """
        try:
            done = subprocess.run(
                self._command(arguments), input=sent, capture_output=True, env=clean_environment(), timeout=BOUND_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise GitSilent(arguments[0]) from None
        if done.returncode not in answers:
            raise GitFailed(arguments[0], done.returncode, done.stderr)
        return done.returncode, done.stdout

    def ask(self, *arguments: str, sent: bytes = b"") -> bytes:
        """Its output; the code must be 0."""
        return self.run(*arguments, sent=sent)[1]

    def word(self, *arguments: str) -> str:
        """Its output as one line of text."""
        return os.fsdecode(self.ask(*arguments)).rstrip("\n")

    def blobs(self, oids: Iterable[str]) -> Iterator[Blob]:
        """Objects in bulk, in order, through one process. Raises GitFailed for one that is not there or is damaged."""
        with tempfile.TemporaryFile() as wanted, tempfile.TemporaryFile() as said:
            wanted.writelines(f"{oid}\n".encode() for oid in oids)
            left = wanted.tell()
            if not left:
                return
            wanted.seek(0)
            command = self._command(("cat-file", "--batch", "--buffer"))
            with subprocess.Popen(command, stdin=wanted, stdout=subprocess.PIPE, stderr=said, env=clean_environment()) as process:
                assert process.stdout is not None
                _widen(process.stdout)
                try:
                    while header := process.stdout.readline():
                        oid, _, rest = header.decode("ascii", "replace").rstrip("\n").partition(" ")
                        kind, _, size = rest.partition(" ")
                        if not size:
                            raise GitFailed("cat-file", 128, f"object {oid} is {rest}".encode())
                        blob = Blob(oid, kind, int(size), process.stdout, int(size))
                        yield blob
                        for _ in blob.chunks():
                            pass
                        process.stdout.read(1)
                        left -= len(oid) + 1
                finally:
                    process.kill()
            if left:
                said.seek(0)
                raise GitFailed("cat-file", 128, said.read())

    def named(self, *names: str) -> list[Named | None]:
        """The small objects that names lead to, in order, through one process; None where a name leads to none, or to several.

        No name may hold a space or a line break. Where git gives up at an object that it cannot read, the list ends before it.
        """
        said = self.run("cat-file", "--batch", sent=b"".join(os.fsencode(name) + b"\n" for name in names), answers=(0, 128))[1]
        found: list[Named | None] = []
        start = 0
        while (end := said.find(b"\n", start)) >= 0:
            oid, *rest = said[start:end].split(b" ")
            start = end + 1
            if len(rest) != 2:  # `NAME missing` or `NAME ambiguous`, else `ID kind size`
                found.append(None)
                continue
            end = start + int(rest[1])
            if len(said) <= end:
                break
            found.append(Named(oid.decode("ascii"), said[start:end]))
            start = end + 1
        return found

    def sizes(self, oids: Iterable[str]) -> dict[str, int]:
        """The size in bytes of those objects that are there, without reading them."""
        said = self.ask("cat-file", "--batch-check=%(objectname) %(objectsize)", sent="".join(f"{oid}\n" for oid in oids).encode())
        rows = (line.split() for line in said.decode("ascii", "replace").splitlines())
        return {oid: int(size) for oid, size in rows if size.isdigit()}

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        options = [word for setting in (*_SETTINGS, *self.settings) for word in ("-c", setting)]
        return ["git", "--no-pager", "--literal-pathspecs", *self.where, *options, *arguments]


def clean_environment() -> dict[str, str]:
    """The caller's environment without what steers git, and with what keeps git quiet, local and read-only."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") and name != "SSH_ASKPASS"}
    return kept | {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ASKPASS": "/bin/false",
        "LC_ALL": "C",
    }


def is_git_directory(path: Path) -> bool:
    """Whether this looks like a repository without a checkout."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir()


def _widen(pipe: IO[bytes]) -> None:
    """Room for a chunk: with the usual 64 KiB two programs wake each other 300 times for 20 MB. Where the kernel says no, it goes on so."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, CHUNK_BYTES)

"""Another host in; out, files on it, through this host's own ssh and what every shell there has.

What runs there is a fixed script: path and name are the first two lines of its input, so no shell ever reads them as words of its own.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from typing import Dict, Iterable, Iterator, List, Optional

from shipway_agent.data.content import CHUNK
from shipway_agent.data.elsewhere.place import Place
from shipway_agent.data.elsewhere.store import Hashing, damaged
from shipway_agent.data.programs import Program, Work, read_lines
from shipway_agent.errors import AgentError

CONFIG = "SHIPWAY_SSH_CONFIG"
"""Variable that names another configuration than that of the user whom the agent runs as."""

WAIT_SECONDS = 0.25

_NAMED = "IFS= read -r path; IFS= read -r name; umask 077; "
PUT = _NAMED + (
    'mkdir -p -- "$path" && cd -- "$path" && cat >".new-$name" && { sync -- ".new-$name" 2>/dev/null || sync; } && sha256sum <".new-$name"'
)
KEEP = _NAMED + 'cd -- "$path" && mv -f -- ".new-$name" "$name" && rm -f -- .new-* && { sync -- . 2>/dev/null || sync; }'
NAMES = _NAMED + (
    '[ ! -e "$path" ] || { cd -- "$path" && for one in *; do if [ -f "$one" ]; then '
    'size=$(wc -c <"$one") && printf "%s %s\\n" $size "$one" || exit 1; fi; done; }'
)
GET = _NAMED + 'cat -- "$path/$name"'
DROP = _NAMED + 'rm -f -- "$path/$name" "$path/.new-$name"'
"""No ' and no ! in any of them: they stand between quotes, whatever shell the other user has."""


class OtherHost:
    """A directory on it. Host keys are verified, nobody is asked for a password."""

    def __init__(self, where: Place, folder: str, work: Work) -> None:
        """Raises AgentError `copy-place` where this host has no ssh."""
        self._where = where
        self._path = f"{where.path}/{folder}"
        self._work = work
        self.shown = f"{where.user}@{where.host}" if where.user else where.host
        program = shutil.which("ssh", path=work.environment.get("PATH"))
        if program is None:
            raise AgentError("copy-place", "there is no ssh on this host (Debian: openssh-client)")
        self._program = program

    def put(self, name: str, content: Iterable[bytes], likely_bytes: int) -> None:
        """Raises AgentError `copy-place`, `copy-damaged`."""
        sent = Hashing(content)
        said = b"".join(self._run(PUT, name, sent)).split()
        # A connection that was cut looks like the end of the file over there: only the sum tells.
        if not said or said[0].decode("ascii", "replace") != sent.digest:
            self.drop(name)
            raise damaged(f"{self.shown}:{self._path}/{name}")
        self._ask(KEEP, name)

    def names(self) -> Dict[str, int]:
        """Raises AgentError `copy-place`."""
        found = {}
        for line in self._ask(NAMES, "").decode("utf-8", "replace").splitlines():
            size, _, name = line.strip().partition(" ")
            if size.isdigit():
                found[name] = int(size)
        return found

    def get(self, name: str) -> Iterator[bytes]:
        """Raises AgentError `copy-place`."""
        return self._run(GET, name, ())

    def drop(self, name: str) -> None:
        """Raises AgentError `copy-place`."""
        self._ask(DROP, name)

    def _ask(self, script: str, name: str) -> bytes:
        return b"".join(self._run(script, name, ()))

    def _argv(self, script: str) -> List[str]:
        config, where = os.environ.get(CONFIG), self._where
        words = [self._program, "-T", "-x", "-a", *(["-F", config] if config else [])]
        for option in (
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "PasswordAuthentication=no",
            "ClearAllForwardings=yes",
            "ConnectTimeout=20",
            "ServerAliveInterval=15",
            "ServerAliveCountMax=4",
        ):
            words += ["-o", option]
        words += ["-p", str(where.port)] if where.port is not None else []
        words += ["-l", where.user] if where.user else []
        return [*words, "--", where.host, f"exec sh -c '{script}'"]

    def _run(self, script: str, name: str, content: Iterable[bytes]) -> Iterator[bytes]:
        """Run one script, its input written while its output is read; the pieces of that. Raises AgentError `copy-place`, `ended`."""
        errors = os.memfd_create("errors")
        try:
            program = Program(self._argv(script), self._work, None, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
            try:
                yield from self._exchange(program, _lines(self._path, name, content))
                exit_code = program.child.wait(max(0.1, self._work.left()))
            except subprocess.TimeoutExpired:
                raise self._late() from None
            finally:
                program.end()
            if exit_code != 0:
                raise self._no(exit_code, read_lines(errors))
        finally:
            os.close(errors)

    def _exchange(self, program: Program, content: Iterator[bytes]) -> Iterator[bytes]:
        stdin, stdout = program.child.stdin, program.child.stdout
        assert stdin is not None and stdout is not None
        os.set_blocking(stdin.fileno(), False)
        left: Optional[memoryview] = memoryview(b"")
        while True:
            if left is not None and not left:
                piece = next(content, None)
                left = None if piece is None else memoryview(piece)
                if left is None:
                    stdin.close()
            readable, writable, _ = select.select([stdout], [] if left is None else [stdin], [], WAIT_SECONDS)
            if self._work.left() <= 0:
                raise self._late()
            if self._work.moot():
                raise AgentError("ended", "the copy was ended, for nobody waits for it any more")
            if readable:
                data = os.read(stdout.fileno(), CHUNK)
                if not data:
                    return
                yield data
            if writable and left is not None:
                try:
                    left = left[os.write(stdin.fileno(), left[:CHUNK]) :]
                except BlockingIOError:
                    pass  # less room than the kernel said
                except BrokenPipeError:
                    left = None  # its exit code and its words say why

    def _late(self) -> AgentError:
        return AgentError("copy-place", f"{self.shown} did not take it within the bound")

    def _no(self, exit_code: int, lines: List[str]) -> AgentError:
        said = next((line for line in reversed(lines)), f"ssh ended with {exit_code}")
        return AgentError("copy-place", f"{self.shown}: {said}", lines)


def _lines(path: str, name: str, content: Iterable[bytes]) -> Iterator[bytes]:
    yield f"{path}\n{name}\n".encode()
    yield from content

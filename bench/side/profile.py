"""A command of the operator's in; out, the same under a sampler, and another one at every agent that begins on the first host meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.side import cache
from bench.side.contestant import Command
from bench.side.groups import Group
from bench.side.net import Net
from bench.side.samples import samples, top
from tests.hosts.sessions import words_of

PACKAGE = "py-spy==0.4.3"
RATE = "250"
LOOK_SECONDS = 0.005


class Profile:
    """One measured command, from `begin` to `end`. An agent is sampled some ten milliseconds after it has begun, and only where it holds

    the interpreter's lock: whether a thread of another process namespace waits, the sampler cannot tell.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._done = threading.Event()
        self._watcher: threading.Thread | None = None
        self._seen: set[int] = set()
        self._samplers: list[tuple[str, subprocess.Popen[bytes], Path]] = []

    def begin(self, net: Net, command: Command) -> Command:
        """What is to be run in place of the command."""
        self._watcher = threading.Thread(target=self._watch, args=[net.first])
        self._watcher.start()
        record = [str(_sampler()), "record", "--rate", RATE, "--format", "raw", "--output", str(self._place / "operator"), "--"]
        return replace(command, argv=[*record, sys.executable, *command.argv])

    def end(self) -> Iterator[str]:
        """Markdown: a table for the operator and one for each kind of agent."""
        self._done.set()
        if self._watcher is not None:
            self._watcher.join()
        for _, sampler, _ in self._samplers:
            sampler.send_signal(2)
            sampler.wait(30)
        files = {"operator": [self._place / "operator"]}
        for kind, _, file in self._samplers:
            files.setdefault(f"{kind} on the first host", []).append(file)
        for name, found in files.items():
            lines = [line for file in found if file.exists() for line in file.read_text(errors="replace").splitlines()]
            counted = samples(lines)
            yield from ("", f"#### {name}: {counted.total / float(RATE):.2f} s at work in {len(found)} process(es)", "", *top(counted))

    def _watch(self, group: Group) -> None:
        while not self._done.wait(LOOK_SECONDS):
            for pid in set(group.pids()) - self._seen:
                kind = _kind(pid)
                if kind:
                    self._seen.add(pid)
                    file = self._place / str(pid)
                    argv = [str(_sampler()), "record", "--rate", RATE, "--format", "raw", "--output", str(file), "--gil", "--pid", str(pid)]
                    self._samplers.append((kind, subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), file))


def _kind(pid: int) -> str:
    """Which program of the agent it is; "" for none."""
    try:
        words = words_of(pid)
    except OSError:
        return ""
    names = [number for number, word in enumerate(words) if word.endswith(b".pyz")]
    if not names:
        return ""
    return words[names[0] + 1].decode() if len(words) > names[0] + 1 and words[names[0] + 1] else "session"


def _sampler() -> Path:
    made = cache.place() / PACKAGE
    with cache.locked("sampler"):
        if not (made / "bin/py-spy").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(made)], check=True)
            subprocess.run([str(made / "bin/pip"), "install", "--quiet", PACKAGE], check=True, stdout=sys.stderr)
    return made / "bin/py-spy"

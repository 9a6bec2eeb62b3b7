"""Files in, commits out: a real git repository that a test deploys from, untouched by the configuration of who runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}


class Repository:
    """A repository at `directory`, made when it is not there; its branch is `main`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        if not (directory / ".git").exists():
            directory.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *argv: str) -> str:
        """What `git` prints, without the last newline. Raises RuntimeError with what it said when it fails."""
        done = subprocess.run(
            ["git", *argv], cwd=self.directory, env={**os.environ, **IDENTITY}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"git {' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout.removesuffix("\n")

    def write(self, path: str, text: str) -> None:
        """A file of the working tree."""
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def lay(self, source: Path) -> None:
        """All files below `source` over the working tree."""
        shutil.copytree(
            source, self.directory, dirs_exist_ok=True, copy_function=shutil.copy, ignore=shutil.ignore_patterns("__pycache__", "*.in")
        )

    def remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            (self.directory / path).unlink()

    def commit(self, message: str, tag: str | None = None) -> str:
        """Everything in the working tree as one commit; answers its id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        if tag is not None:
            self.git("tag", tag)
        return self.git("rev-parse", "HEAD")

"""A directory in, a real git repository to test with out; and what of it must not change."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from shipway.model.intent import Build, Environment, Host, Intent, Process, Shipment, Task
from shipway.model.release import Source
from shipway.release.refs import resolve_ref
from shipway.release.release import Made, make_release
from shipway.release.source import Repository

WHO = {
    "GIT_AUTHOR_NAME": "Ann Author",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05+0100",
    "GIT_COMMITTER_NAME": "Carl Committer",
    "GIT_COMMITTER_EMAIL": "carl@example.org",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05+0100",
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class Checkout:
    """A checkout that tests write to and commit in."""

    path: Path

    @classmethod
    def new(cls, path: Path) -> Checkout:
        path.mkdir(parents=True)
        made = cls(path)
        made.git("init", "--quiet", "--initial-branch=main")
        return made

    @property
    def repository(self) -> Repository:
        return Repository.open(self.path)

    def git(self, *arguments: str, sent: bytes = b"") -> str:
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments], cwd=self.path, env=os.environ | WHO, input=sent, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return os.fsdecode(done.stdout).rstrip("\n")

    def write(self, path: str | bytes, content: bytes | str = b"x", *, executable: bool = False) -> Path:
        place = self.path / os.fsdecode(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        place.chmod(0o755 if executable else 0o644)
        return place

    def link(self, path: str, target: str) -> None:
        place = self.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def commit(self, **files: bytes | str) -> str:
        for path, content in files.items():
            self.write(path, content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "A commit")
        return self.git("rev-parse", "HEAD")

    def tree_of(self, *records: tuple[str, str, str, bytes]) -> str:
        """A commit whose root tree holds exactly these: mode, kind, object, name; git's own checks of names do not run."""
        raw = b"".join(
            f"{mode.lstrip('0')} ".encode() + name + b"\0" + bytes.fromhex(oid)
            for mode, _, oid, name in records
        )  # fmt: skip
        tree = self.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", sent=raw)
        return self.git("commit-tree", tree, "-m", "hostile")

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", sent=content)

    def damage(self, oid: str, left_bytes: int) -> None:
        """Cut an object off on disk."""
        path = self.path / ".git/objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:left_bytes])

    def source(self, ref: str = "HEAD") -> Source:
        return resolve_ref(self.repository, ref)

    def release(self, ref: str = "HEAD", shipment: Shipment | None = None, subdirectory: str = ".") -> Made:
        repository = self.repository
        return make_release(repository, resolve_ref(repository, ref), intent(shipment, subdirectory), lambda line: None)


def intent(shipment: Shipment | None = None, subdirectory: str = ".") -> Intent:
    """An intent with this shipment; without one, a single process."""
    environment = Environment("production", (Host("a", "a"),))
    return Intent("shop", subdirectory, environment, shipment or shipping())


def shipping(
    *run: str,
    outputs: tuple[str, ...] = (),
    shared: tuple[str, ...] = (),
    static: str | None = None,
    task_outputs: tuple[str, ...] = (),
    directory: str = ".",
    env: dict[str, str] | None = None,
    timeout_seconds: float = 60.0,
) -> Shipment:
    """A shipment that builds with `run`."""
    return Shipment(
        "shop",
        processes=(Process("web", "serve", directory=directory),),
        tasks=(Task("install", "true", outputs=task_outputs),) if task_outputs else (),
        build=Build(run, outputs, env or {}, timeout_seconds),
        shared=shared,
        static=static,
    )


def snapshot(checkout: Path) -> dict[str, object]:
    """Everything of a checkout that could change: content, modes and times of every file, those of git included."""
    found: dict[str, object] = {}
    for directory, directories, files in os.walk(checkout):
        for name in [*directories, *files]:
            path = Path(directory, name)
            status = path.lstat()
            content = os.readlink(path) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            times = (status.st_mtime_ns, status.st_ctime_ns) if path.is_file() else ()
            found[str(path.relative_to(checkout))] = (status.st_mode, status.st_size if path.is_file() else 0, content, times)
    return found

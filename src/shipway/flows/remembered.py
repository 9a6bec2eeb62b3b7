"""Files at two commits in, the Intent out: resolved once, and read back as long as neither they nor Shipway have changed.

Validation needs pydantic, and importing that is the longest part of every command's start. So what was resolved lies in the user's cache,
beside what was built, under a name that is the digest of everything it follows from, and of nothing else: a commit's id and a file's name
are only for messages, and encrypted secrets come on top. So all commands share it. What is wrong is never remembered.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from shipway import __version__
from shipway.cache import cache_directory
from shipway.model import intent as nouns
from shipway.model.errors import ShipwayError
from shipway.model.intent import Intent, Reference
from shipway_agent.record import replace

FOLDER = "resolved"
KEPT = 64
"""Files that stay: of so many commits and environments."""


def resolved(
    head: bytes,
    shipped: bytes,
    environment: str,
    *,
    directory: str,
    name: str,
    commit: str = "",
    sealed: Mapping[str, str] | None = None,
) -> Intent:
    """What config.resolve makes of the same words. Raises WrongInput, Refused."""
    texts = head, shipped, environment
    known = _read(_place(head, shipped, environment, directory))
    if known is None:
        from shipway.config.resolve import resolve

        known = resolve(*texts, directory=directory, name=name, commit=commit)
        _keep(_place(head, shipped, environment, directory), known)
        if shipped != head:
            # Commands that ship nothing ask for HEAD alone, and by now it costs next to nothing.
            with contextlib.suppress(ShipwayError):
                _keep(_place(head, head, environment, directory), resolve(head, head, environment, directory=directory, name=name))
    there = known.environment
    if any(variable in there.env for variable in sealed or ()):
        from shipway.config.resolve import resolve

        return resolve(*texts, directory=directory, name=name, commit=commit, sealed=sealed or {})  # which says what is wrong with it
    references = {variable: Reference(file=file) for variable, file in (sealed or {}).items()}
    return replace(known, environment=replace(there, env={**there.env, **references})) if references else known


def known(head: bytes, environment: str, directory: str) -> Intent | None:
    """What HEAD wants, secrets apart, where an earlier command has worked it out; None where that is still to be done."""
    return _read(_place(head, head, environment, directory))


def plain(value: Any) -> Any:
    """An Intent, or what it is made of, as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *(plain(getattr(value, one.name)) for one in fields(value))]
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return ["", *map(plain, value)] if isinstance(value, tuple) else value


def whole(value: Any) -> Any:
    """What `plain` was made of. Raises TypeError, AttributeError or IndexError for anything else."""
    if isinstance(value, dict):
        return {key: whole(one) for key, one in value.items()}
    if not isinstance(value, list):
        return value
    parts = [whole(one) for one in value[1:]]
    return getattr(nouns, value[0])(*parts) if value[0] else tuple(parts)


def _place(head: bytes, shipped: bytes, environment: str, directory: str) -> Path:
    words = [head.hex(), shipped.hex(), environment, directory]
    return cache_directory() / FOLDER / f"{blake2b(json.dumps([*_maker(), *words]).encode(), digest_size=20).hexdigest()}.json"


@cache
def _maker() -> list[Any]:
    """Which Shipway resolves, down to the last change of its files: of a checkout the version alone says nothing."""
    here = Path(__file__).parents[1]
    found = [entry for folder in ("config", "model") for entry in os.scandir(here / folder) if entry.name.endswith(".py")]
    return [__version__, sys.version, *sorted((entry.path, entry.stat().st_mtime_ns, entry.stat().st_size) for entry in found)]


def _read(path: Path) -> Intent | None:
    try:
        found = whole(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, AttributeError, IndexError):
        return None
    return found if isinstance(found, Intent) else None


def _keep(path: Path, found: Intent) -> None:
    with contextlib.suppress(OSError):  # a full disk here is no reason to do nothing
        _write(path, found)


def _write(path: Path, found: Intent) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, aside = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(plain(found), file, separators=(",", ":"))
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink()
        raise
    old = sorted(path.parent.glob("*.json"), key=lambda one: one.stat().st_mtime_ns)
    for one in old[:-KEPT]:
        one.unlink(missing_ok=True)

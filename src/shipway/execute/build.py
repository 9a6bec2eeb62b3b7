"""A checkout and a [build] section in, its outputs in a directory out: built by one host, which is sent only what it lacks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shipway.execute.fetch import fetch
from shipway.execute.fleet import Fleet
from shipway.execute.ship import Blobs, Delivery
from shipway.execute.telling import Tell
from shipway.model.errors import HostError, HostRefused
from shipway_agent import manifest
from shipway_agent.errors import AgentError

SENT_AGAIN = ("lacking", "flipped")
"""What sending once more mends: content that was damaged or is gone there."""

MENDS = 2
"""Once for the list of the files, and once for the files."""

WAIT_SECONDS = 1800.0
"""How long a build may wait for another one of the same inputs, beside what its own commands may take."""


async def build_on(
    fleet: Fleet,
    host: str,
    checkout: Blobs,
    args: Mapping[str, Any],
    into: Path,
    places: Mapping[str, str],
    tell: Tell,
    on_line: Callable[[str], None],
) -> bool:
    """Have it built and put the outputs below `into`; whether an earlier result was taken. `args` are those of the call `build`.

    What one of the `places` has, by digest, does not come again.

    Raises HostRefused (`build-failed` with the last lines, `build-outputs`), LinkLost, Unreachable, HostError for content that is damaged.
    """
    seconds = len(args["run"]) * float(args["timeout_seconds"]) + WAIT_SECONDS

    def on_event(event: Mapping[str, Any]) -> None:
        if event.get("event") == "output":
            on_line(str(event.get("line", "")))

    async def built(mends: int) -> dict[str, Any]:
        await Delivery(fleet, checkout, tell).ship(host)
        try:
            return await fleet.call(host, "build", args, on_event=on_event, timeout_seconds=seconds)
        except HostRefused as refused:
            if refused.code not in SENT_AGAIN or not mends:
                raise
        return await built(mends - 1)

    answer = await built(MENDS)
    with TemporaryDirectory(prefix="fetched-", dir=into.parent) as folder:
        await _bring(fleet, host, str(answer["manifest"]), Path(folder), into, places)
    return bool(answer["reused"])


async def _bring(fleet: Fleet, host: str, name: str, folder: Path, into: Path, places: Mapping[str, str]) -> None:
    with _no_nonsense(host):
        await fetch(fleet, host, [(manifest.digest_of(name), False, -1)], folder)
        entries = manifest.read((folder / name).read_bytes())
    wanted = {entry.digest: (entry.digest, entry.executable, entry.size) for entry in entries if entry.is_file}
    await asyncio.to_thread(_take, {digest: places[digest] for digest in wanted if digest in places}, folder)
    await fetch(fleet, host, wanted.values(), folder)
    for entry in entries:
        path = into / os.fsdecode(entry.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.is_file:
            shutil.copyfile(folder / entry.digest, path)
            path.chmod(0o755 if entry.executable else 0o644)
        else:
            path.symlink_to(os.fsdecode(entry.target))


def _take(places: Mapping[str, str], folder: Path) -> None:
    """Into the folder what is here, and is what its digest says."""
    for digest, place in places.items():
        with contextlib.suppress(OSError):
            data = Path(place).read_bytes()
            if manifest.digest(data) == digest:
                (folder / digest).write_bytes(data)


@contextmanager
def _no_nonsense(host: str) -> Iterator[None]:
    try:
        yield
    except AgentError as error:
        raise HostError(host, "facts", f"the answer to 'build' is not as it must be: {error.message}") from None

"""The channel of one host breaks at any byte of a deployment, in either direction; or is half-open: it says nothing, and is not closed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from shipway.transports.bounds import LOGIN_SECONDS
from tests.faults import relay
from tests.faults.case import Case, Family, Group
from tests.faults.ground import ENVIRONMENT, Ground
from tests.faults.groups.network import HANG_SECONDS, NOTICE_SECONDS, converges
from tests.faults.trial import Trial

PARTS = 75
"""Places in each direction: a share of the bytes that a whole deployment sends."""

CHANNEL = 1
"""The number of a driver's first connection to the host: it carries the deployment; another is the login of the proof."""


@contextmanager
def relayed(ground: Ground, host: str, plan: dict[str, object]) -> Iterator[Path]:
    """While the block lasts, every connection of an operator to this host goes through a relay. Where relays leave what they counted."""
    folder = ground.place / "relay"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(plan))
    config = ground.hosts.ssh_config
    before = config.read_text()
    command = f"{sys.executable} {relay.__file__} {folder} %h %p"
    config.write_text(f"Host {ground.hosts.address(host)}\n    ProxyCommand {command}\n{before}")
    try:
        yield folder
    finally:
        config.write_text(before)


def total(ground: Ground, host: str, direction: str) -> int:
    """Bytes of a deployment in one direction over the host's channel, counted once on each standing fleet."""
    known = ground.place / f"bytes-{host}.json"
    if not known.exists():
        ground.author.commit(ground.settings(ground.times))
        with relayed(ground, host, {"connection": CHANNEL, "direction": "", "bytes": 0, "how": "closed"}) as folder:
            ground.project.run("deploy", ENVIRONMENT)
            shutil.copy(folder / str(CHANNEL) / "counts.json", known)
    return int(json.loads(known.read_text())[direction])


def places(how: str, step: int, ground: Ground) -> Iterable[Case]:
    """Each part of the channel, up and down, on the lead and on the other host."""
    for host, role in ((ground.names[0], "the lead"), (ground.names[-1], "a member")):
        for direction in ("up", "down"):
            for part in range(0, PARTS, step):
                yield Case(f"the link to {role} is {how} after {part} of {PARTS} parts {direction}", _cut(host, direction, part, how))


def _cut(host: str, direction: str, part: int, how: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        ground = trial.ground
        at = total(ground, host, direction) * part // PARTS
        version = trial.commit()
        with relayed(ground, host, {"connection": CHANNEL, "direction": direction, "bytes": at, "how": how}):
            drive = trial.drive("deploy")
            trial.suffers(drive, LOGIN_SECONDS + (NOTICE_SECONDS if how == "stalled" else 0.0))
            drive.ended(HANG_SECONDS)
        trial.expect(drive.code in (0, 1, 3, 4), f"{drive.name} ended with {drive.code}:\n{drive.text}")
        if drive.code == 0:
            trial.expect(drive.verdict["verdict"] == "live", f"{version} is not live:\n{drive.text}")
        else:
            trial.expect(bool(drive.verdict["hint"]), f"the verdict names no command:\n{drive.text}")
        converges(trial)

    return run


GROUP = Group(
    "wire",
    (
        Family("cut-at-byte-2", 2, partial(places, "closed", 1)),
        Family("half-open-2", 2, partial(places, "stalled", 10), slow=True, seconds=22.0),
    ),
)

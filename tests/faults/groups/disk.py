"""The disk of one host fills up, becomes read-only under everybody who writes, or loses what was not synced, at every stage."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults import spares
from tests.faults.case import Case, Family, Group
from tests.faults.drive import Drive
from tests.faults.ground import ROOT, Ground
from tests.faults.groups.host import SUPERVISOR, kill, running
from tests.faults.groups.network import (
    BOOT_SECONDS,
    HANG_SECONDS,
    back,
    back_as_decided,
    converges,
    settles,
    stages_of,
    told_in_full,
    wait_alone,
)
from tests.faults.moments import Fault
from tests.faults.power.losses import judge, losses
from tests.faults.power.platter import Platter
from tests.faults.power.recording import Recording, put_back
from tests.faults.trial import Trial
from tests.hosts.disk import Disk
from tests.hosts.machine import UID

DISK = Disk("320m", inodes=4096)
"""Caddy takes a third of it; a deployment takes some thirty files."""

HOME = Path(ROOT).parents[1]
"""Where everything of ours lies on a host: the applications, and the proxy beside them."""

BALLAST = f"{ROOT.rpartition('/')[0]}/ballast"

FILL = """
import errno, os, sys
folder, what = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
file, count, part = os.open(f"{folder}/file", os.O_WRONLY | os.O_CREAT, 0o600), 0, bytes(1 << 20)
while part:
    try:
        if what == "bytes":
            os.write(file, part)
            os.fsync(file)
        else:
            count += 1
            os.close(os.open(f"{folder}/{count}", os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        part = part[: len(part) // 2] if what == "bytes" and len(part) > 1 else b""
"""
"""Somebody else of the same user takes all that is left, to the last byte or the last inode."""

STAGES = (
    "before lack",
    "before run:tree",
    "done member:vote",
    "started start",
    "done member:ready",
    "before run:switch",
    "done switch",
    "done prove",
    "before decide:tell",
    "before run:acknowledged",
)
BACK_STAGES = ("started generation", "before run:switch", "done switch")
"""Those of a rollback that can end otherwise: nothing travels."""


def fills(ground: Ground) -> Iterable[Case]:
    """The lead's and a member's, of bytes and of inodes; the driver lives on, or dies with it."""
    for what in ("bytes", "inodes"):
        for host, role in roles(ground):
            yield Case(f"no {what} on {role} before", _full_before(host, what))
            for stage in stages_of(STAGES, host, ground.lead):
                for dies, died in ((False, ""), (True, " the driver dies")):
                    run = _fills(host, what, "deploy", stage, driver_dies=dies)
                    yield Case(f"no {what} left on {role},{died} {stage}", run, f"{role} {what} {stage}")
            for stage in BACK_STAGES:
                yield Case(f"no {what} left on {role}, in a rollback {stage}", _fills(host, what, "rollback", stage, driver_dies=False))
        yield Case(f"no {what} left on a member while it only supervises", _idle(ground.names[-1], what))


def roles(ground: Ground) -> Iterator[tuple[str, str]]:
    yield ground.lead, "the lead"
    yield ground.names[-1], "a member"


def _full_before(host: str, what: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        before = _standing(trial)
        trial.commit()
        with full(trial.ground, host, what):
            drive = trial.drive("deploy")
            trial.expect(drive.ended(HANG_SECONDS) == 3, f"deploy with {host} full ended with {drive.code}, not 3:\n{drive.text}")
            trial.expect(host in f"{drive.verdict}" and "free" in f"{drive.verdict}", f"the verdict does not name {host}:\n{drive.text}")
            trial.expect(_standing(trial) == before, f"{before} stood before what was refused, {_standing(trial)} after it")
            # A way back is tried with whatever room there is.
            drive = trial.drive("rollback")
            trial.expect(drive.ended(HANG_SECONDS) in (1, 3), f"rollback with {host} full ended with {drive.code}:\n{drive.text}")
            trial.expect(host in f"{drive.verdict}", f"the verdict does not name {host}:\n{drive.text}")
            trial.status()
        trial.next_deploy()

    return run


def _standing(trial: Trial) -> dict[str, tuple[object, ...]]:
    """What each host serves, and the deployments on its record."""
    seen = {host: trial.ground.watch.at_rest(host) for host in trial.ground.names}
    return {host: (one.link, one.version, one.current, one.fence, tuple(one.stages)) for host, one in seen.items()}


def _fills(host: str, what: str, verb: str, stage: str, *, driver_dies: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        if verb == "deploy":
            trial.commit()
        drive = trial.drive(verb, fault=Fault(f"{host} {stage}", signal.SIGSTOP))
        with full(trial.ground, host, what):
            drive.send(signal.SIGKILL if driver_dies else signal.SIGCONT)
            _ends(trial, drive, host, driver_dies=driver_dies)
        trial.struck()
        if verb == "rollback":
            trial.commit()
        converges(trial)

    return run


def _ends(trial: Trial, drive: Drive, host: str, *, driver_dies: bool) -> None:
    """The driver ends, or the time is over in which the hosts end what it left, with a disk that may not let them."""
    drive.ended(HANG_SECONDS)
    if not driver_dies:
        told_in_full(trial, drive, host)
        return
    for name in set(trial.ground.names) - {host}:
        wait_alone(trial, name)


def _idle(host: str, what: str) -> Callable[[Trial], None]:
    """Its supervisor, too, is killed, and must not need room to come back."""

    def run(trial: Trial) -> None:
        trial.commit()
        trial.next_deploy()
        with full(trial.ground, host, what):
            asked = trial.status()
            trial.expect(asked.code == 0, f"status of a fleet with a host that is full ended with {asked.code}: {asked.said}")
            kill(trial.ground, host, SUPERVISOR)
        trial.wait(lambda: running(trial.ground, host, SUPERVISOR) != [], f"nobody starts the supervisor of {host} again", BOOT_SECONDS)
        trial.commit()
        trial.next_deploy()

    return run


@contextmanager
def full(ground: Ground, host: str, what: str) -> Iterator[None]:
    """While the block lasts there is no room on a host; what it wrote meanwhile is there afterwards."""
    ground.hosts.run(host, ["python3", "-c", FILL, BALLAST, what])
    try:
        yield
    finally:
        ground.hosts.run(host, ["rm", "-rf", BALLAST])


def read_only(ground: Ground) -> Iterable[Case]:
    """The kernel takes the right to write from a file system that met an error; a reboot, which has it checked, gives it back."""
    for host, role in roles(ground):
        yield Case(f"{role} cannot write before", _spoilt_before(host))
        for stage in stages_of(STAGES, host, ground.lead):
            for dies, died in ((False, ""), (True, " the driver dies")):
                run = _spoilt(host, "deploy", stage, driver_dies=dies)
                yield Case(f"{role} cannot write any more,{died} {stage}", run, f"{role} {stage}")
        for stage in BACK_STAGES:
            yield Case(f"{role} cannot write any more, in a rollback {stage}", _spoilt(host, "rollback", stage, driver_dies=False))


def _spoilt_before(host: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        before = _standing(trial)
        trial.commit()
        trial.ground.hosts.spoil(host)
        for verb in ("deploy", "rollback"):
            drive = trial.drive(verb)
            trial.expect(drive.ended(HANG_SECONDS) == 3, f"{verb} with {host} read-only ended with {drive.code}, not 3:\n{drive.text}")
            trial.expect(host in f"{drive.verdict}", f"the verdict does not name {host}:\n{drive.text}")
        trial.expect(_standing(trial) == before, f"{before} stood before what was refused, {_standing(trial)} after it")
        mend(trial, host)
        trial.next_deploy()

    return run


def _spoilt(host: str, verb: str, stage: str, *, driver_dies: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        if verb == "deploy":
            trial.commit()
        drive = trial.drive(verb, fault=Fault(f"{host} {stage}", signal.SIGSTOP))
        trial.ground.hosts.spoil(host)
        drive.send(signal.SIGKILL if driver_dies else signal.SIGCONT)
        _ends(trial, drive, host, driver_dies=driver_dies)
        mend(trial, host)
        trial.struck()
        if verb == "rollback":
            trial.commit()
        converges(trial)

    return run


def mend(trial: Trial, host: str) -> None:
    """A person reboots it, and it serves again before anybody deploys."""
    with trial.dark(host):
        trial.ground.hosts.kill(host)
        back(trial, host)


def unsynced(ground: Ground) -> Iterable[Case]:
    """The power fails at every stage, and what the agent had not synced by then is lost: all of it, the later half, or any part."""
    for host, role in roles(ground):
        for stage in (*stages_of(STAGES, host, ground.lead), *(["after decide:commit"] if host == ground.lead else [])):
            for what in ("all", "the later half", "a drawn part"):
                name = f"{role} loses its power and {what} of what it had not synced, {stage}"
                yield Case(name, _lost(host, stage, what), f"{role} {stage}")


def _lost(host: str, stage: str, what: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        hosts = trial.ground.hosts
        trial.commit()
        with recorded(trial.ground, host) as recording:
            drive = trial.drive("deploy", fault=Fault(f"{host} {stage}", signal.SIGSTOP))
            with trial.dark(host):
                hosts.kill(host)
                platter = recording.end()
                untold = recording.untold(platter)
                trial.expect(not untold, f"the recording lacks what was done to {untold}")
                put_back(platter.left(platter.moments - 1, _kept(platter, what, stage)), recording.seen, UID)
                trial.struck(anew=True)  # the power was away for as long as it took here to put the disk together
                drive.send(signal.SIGCONT)
                back_as_decided(trial, host)
        drive.ended()
        settles(trial, drive, host)

    return run


def _kept(platter: Platter, what: str, seed: str) -> list[int]:
    """Which unsynced effects the disk had written by itself."""
    pending = platter.pending(platter.moments - 1)
    draw = random.Random(seed)
    return {"all": [], "the later half": pending[: len(pending) // 2], "a drawn part": [one for one in pending if draw.random() < 0.5]}[
        what
    ]


def every_moment(ground: Ground) -> Iterable[Case]:
    """A deployment and the spare tree behind it, lost right before each sync: none of what was unsynced is there, all of it, or a part."""
    yield Case("a deployment is lost at every moment", _judge_every_moment(ground.lead))


def _judge_every_moment(host: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        old = trial.ground.watch.now(host).link
        trial.commit()
        with recorded(trial.ground, host) as recording:
            trial.next_deploy()
            trial.expect(spares.come(trial.ground), "no spare tree is laid")
            new = trial.ground.watch.at_rest(host).link
            platter = recording.end()
            recording.give(os.geteuid())
            assert new is not None and new != old
            place = trial.ground.place / "lost"
            for loss in losses(platter, every=True, drawn=3, seed="every"):
                faults = judge(platter, loss, place, below=Path(ROOT).relative_to(HOME), old=old, new=new)
                trial.expect(not faults, f"{loss}: {faults}")

    return run


@contextmanager
def recorded(ground: Ground, host: str) -> Iterator[Recording]:
    """Everything that agents of a host, and whoever they start, do to its files while the block lasts."""
    place = Path(tempfile.mkdtemp(dir=ground.place))
    recording = Recording(str(HOME), ground.hosts.home(host) / HOME.relative_to("/home"), place)
    agents = running(ground, host, " supervise --root ")
    listeners = [pid for pid in running(ground, host, "/usr/sbin/sshd -D") if pid not in agents]
    try:
        recording.begin([*agents, *listeners])
        yield recording
    finally:
        recording.stop()
        shutil.rmtree(place, ignore_errors=True)


GROUP = Group(
    "disk",
    (
        Family("full-2", 2, fills, disk=DISK, seconds=15.0),
        Family("read-only-2", 2, read_only, disk=DISK, seconds=16.0),
        Family("unsynced-2", 2, unsynced, seconds=25.0),
        Family("unsynced-every-1", 1, every_moment, slow=True, seconds=90.0),
    ),
)

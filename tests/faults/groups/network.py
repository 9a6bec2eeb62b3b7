"""A host is cut off from the operator, or from everybody, at every stage of a deployment; members cannot ask their lead; a host is away."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack

from shipway.transports.bounds import LOGIN_SECONDS
from tests.faults.case import Case, Family, Group
from tests.faults.drive import Drive
from tests.faults.ground import ENVIRONMENT, Ground
from tests.faults.moments import Fault
from tests.faults.trial import Trial
from tests.stories.proof import visit

BOOT_SECONDS = 90.0
"""Cron looks once a minute where its @reboot line has come too early."""

STAGES = (
    "before decide:lease",
    "before run:tree",
    "done member:vote",
    "started task:announce",
    "started start",
    "done member:ready",
    "before run:switch",
    "done switch",
    "started prove",
    "done prove",
    "before decide:tell",
    "before run:acknowledged",
)
"""Between any two of these nothing is different for a host that hears nobody."""

OPERATOR, EVERYBODY = "the operator", "everybody"
NOTICE_SECONDS = 20.0
"""ssh notices within this that nobody answers any more."""

HANG_SECONDS = 115.0
"""No command may take longer than this with one host that is silent: it is the sum of all bounds that it tells."""


def stages_of(stages: Iterable[str], host: str, lead: str) -> Iterable[str]:
    """Those of one host: a lead decides and is not told, and whoever is told decides nothing."""
    return ["before decide:commit" if stage == "before decide:tell" and host == lead else stage for stage in stages]


def cuts(ground: Ground) -> Iterable[Case]:
    """The lead and another host, at each stage, from the operator and from everybody."""
    lead, member = ground.names[0], ground.names[-1]
    for host in (lead, member):
        for stage in stages_of(STAGES, host, lead):
            for whom in (OPERATOR, EVERYBODY):
                role = "the lead" if host == lead else "a member"
                yield Case(f"{role} is cut off from {whom}, {stage}", _cut(host, f"{host} {stage}", whom))


def _cut(host: str, moment: str, whom: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        trial.commit()
        drive = trial.drive("deploy", fault=Fault(moment, signal.SIGSTOP))
        trial.suffers(drive, NOTICE_SECONDS + LOGIN_SECONDS)
        with trial.dark(host):
            trial.ground.hosts.cut(host, *(["operator"] if whom == OPERATOR else []))
            try:
                drive.send(signal.SIGCONT)
                drive.ended(HANG_SECONDS)
            finally:
                trial.ground.hosts.heal(host)
        settles(trial, drive, host)

    return run


def partitions(ground: Ground) -> Iterable[Case]:
    """The operator's program dies while the members cannot ask their lead: each goes back alone, unless it knows better."""
    lead, *others = ground.names
    for stage in (f"{lead} done switch", f"{others[-1]} done switch", f"{lead} before decide:commit", f"{lead} after decide:commit"):
        for deaf in (others, others[-1:]):
            yield Case(f"{' and '.join(deaf)} cannot ask, the driver dies {stage}", _partition(lead, deaf, stage))


def _partition(lead: str, deaf: Sequence[str], moment: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        hosts = trial.ground.hosts
        trial.commit()
        hosts.cut(lead, *deaf)
        try:
            trial.drive("deploy", fault=Fault(moment))
            for host in deaf:
                wait_alone(trial, host)
        finally:
            hosts.heal(lead)
        trial.struck()
        trial.decided()
        trial.status()
        trial.next_deploy()

    return run


def absences(ground: Ground) -> Iterable[Case]:
    """A host has no power, or no network, before anything begins."""
    for host, role in ((ground.names[0], "the lead"), (ground.names[-1], "a member")):
        yield Case(f"{role} has no network", _absent(host, has_power=True))
        yield Case(f"{role} has no power", _absent(host, has_power=False))


def _absent(host: str, *, has_power: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        hosts = trial.ground.hosts
        with ExitStack() as stack:
            stack.enter_context(trial.dark(host))
            hosts.cut(host) if has_power else hosts.kill(host)
            stack.callback(hosts.heal, host) if has_power else stack.callback(back, trial, host)
            head = trial.commit()
            for verb, code in (("deploy", 3), ("rollback", 3), ("status", 4)):
                drive = trial.drive(verb)
                trial.expect(drive.ended(HANG_SECONDS) == code, f"{verb} without {host} ended with {drive.code}, not {code}:\n{drive.text}")
                trial.expect(host in drive.text, f"{verb} does not name {host}:\n{drive.text}")
        trial.expect(trial.head == head, "nothing else was committed")
        trial.next_deploy()

    return run


def back(trial: Trial, host: str) -> None:
    """A host has power again, is watched again, and serves: its own start brings its release, however busy the machine is."""
    trial.ground.hosts.start(host)
    trial.ground.watch.again(host)
    door = trial.ground.doors[host]
    trial.wait(lambda: visit(door).startswith("200 "), f"{host} does not serve after its start", BOOT_SECONDS)


def back_as_decided(trial: Trial, host: str) -> None:
    """The same, and it has gone back before it serves from what nobody has decided."""
    back(trial, host)
    undecided = set(trial.ground.watch.now(host).stages.values()) & {"armed", "switched"}
    trial.expect(not undecided, f"{host} serves after its start while a deployment is {undecided}: it must have gone back")


def settles(trial: Trial, drive: Drive, host: str) -> None:
    """What a driver that lived told of its host is whole; from here on the fleet decides, and another machine can go on."""
    told_in_full(trial, drive, host)
    trial.struck()
    converges(trial)


def told_in_full(trial: Trial, drive: Drive, host: str) -> None:
    """A deployment that was struck is live, or says which host is the matter; a mix is never called live or undone."""
    trial.expect(drive.code in (0, 1, 3, 4), f"{drive.name} ended with {drive.code}:\n{drive.text}")
    if drive.code:
        trial.expect(host in f"{drive.verdict}", f"the verdict does not name {host}:\n{drive.text}")
        trial.expect(bool(drive.verdict["hint"]), f"the verdict names no command:\n{drive.text}")


def converges(trial: Trial) -> None:
    """`resume` from another machine settles everything in one run; then somebody deploys without force."""
    done = trial.ground.elsewhere("resume", ENVIRONMENT)
    trial.expect(done.returncode in (0, 1), f"resume from elsewhere ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    trial.decided()
    trial.status()
    trial.next_deploy()


def wait_alone(trial: Trial, host: str) -> None:
    """Wait until a host that cannot ask has gone back, or knows the decision."""
    watch = trial.ground.watch
    trial.wait(lambda: not {"armed", "switched"} & set(watch.now(host).stages.values()), f"{host} waits for ever", trial.bound_seconds + 30)


GROUP = Group(
    "network",
    (
        Family("cut-3", 3, cuts, seconds=50.0),
        Family("partition-3", 3, partitions, seconds=35.0),
        Family("absent-3", 3, absences, seconds=65.0),
    ),
)

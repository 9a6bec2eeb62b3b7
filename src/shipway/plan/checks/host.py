"""One host's facts in, Findings out: what stands in the way there, what is not as recorded, what goes on, and what would be at a reboot."""

from __future__ import annotations

from collections.abc import Iterator

from shipway.model.errors import AGAIN
from shipway.model.facts import Ailment, HostFacts, Instance
from shipway.model.finding import Examined, Finding, Severity
from shipway.model.intent import Host, Intent
from shipway.model.release import Release
from shipway.plan.gates import host_reasons
from shipway_agent.record import dataclass

NOTED_SKEW_SECONDS = 5.0
"""A clock that differs by less is how clocks are: no decision reads it."""

OVERDUE_TIMES = 2
"""A job that was due so often and did not run does not run at all: one time may be left out for a good reason."""

BAD_ENDS = {"failed": "failed", "timeout": "did not end in time", "lost": "was lost: nobody saw how it ended"}

WRONG_SKEW_SECONDS = 60.0
"""Beyond it certificates, tokens and times in logs are wrong on that host."""


RESERVED = "are reserved"
"""In what an agent says of a port that only root may listen at."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One host of an environment, what it said, and what it was asked beside that. `release` is what HEAD would ship, None if unknown."""

    intent: Intent
    host: Host
    facts: HostFacts
    examined: Examined
    release: Release | None = None

    @property
    def environment(self) -> str:
        return self.intent.environment.name

    def finding(self, check: str, severity: Severity, what: str, *why: str, next: str = "") -> Finding:
        """A finding about this host."""
        return Finding(check, severity, what, self.host.name, why, next)


def host_findings(asked: Asked) -> Iterator[Finding]:
    """Everything there is to say of one host by itself, good and bad."""
    yield from _agent(asked)
    yield from _gates(asked)
    yield from _recorded(asked)
    yield from _door(asked)
    yield from _reboot(asked)
    yield from _clock(asked)
    yield from _restarts(asked)
    yield from _jobs(asked)
    yield from _under_way(asked)
    yield from _left(asked)
    yield from _notifications(asked)
    if asked.facts.cannot_ask:
        name = asked.host.name
        yield asked.finding(
            "peer",
            "note",
            f"it could not ask its lead in the last deployment: when a driver dies, {name} goes back alone",
            asked.facts.cannot_ask,
            next=f"let the members reach each other by TCP, or set `peer` of {name} in shipway.toml; the next deployment tries again",
        )


def repair(ailment: Ailment, fact: HostFacts, environment: str, host: str, ref: str = "") -> str:
    """What to type next about it. `ref` is the commit to bring back, "" where it is HEAD's turn."""
    deploy = f"shipway deploy {environment}" + (f" --ref {ref}" if ref else "")
    if ailment.check in ("supervisor", "process", "proxy") and not fact.supervisor_running:
        return f"shipway doctor {environment} --fix starts the supervisor, which starts what is to run"
    return {
        "process": f"shipway logs {environment} --host {host} says why; its supervisor starts it again by itself, {deploy} on every host",
        "journal": f"shipway doctor {environment} --fix makes it anew of what can be read; then find out who writes to {host}, "
        f"and {deploy}",
    }.get(ailment.check, f"{deploy} repairs it")


def _agent(asked: Asked) -> Iterator[Finding]:
    hello = asked.facts.hello
    yield asked.finding("agent", "ok", f"answers: {hello.platform}, python {hello.python}, as {hello.user}, {hello.root}")


def _gates(asked: Asked) -> Iterator[Finding]:
    reasons = list(host_reasons(asked.host.name, asked.facts, asked.release))
    for reason in reasons:
        yield asked.finding(reason.code, "wrong", reason.message, *reason.details, next=reason.hint.replace(AGAIN, _doctor(asked)))
    disk = asked.facts.disk
    if disk.free_bytes is not None and not any(reason.code == "disk-full" for reason in reasons):
        inodes = "" if disk.free_inodes is None else f" and {disk.free_inodes:,} inodes"
        yield asked.finding("disk", "ok", f"{disk.free_bytes / 1_000_000:,.0f} MB{inodes} are free")


def _recorded(asked: Asked) -> Iterator[Finding]:
    """What is not as this host's own record says; `status` says the same sentences."""
    fact = asked.facts
    for ailment in fact.ailments:
        yield asked.finding(ailment.check, "wrong", ailment.what, next=repair(ailment, fact, asked.environment, asked.host.name))
    if fact.live is None or fact.ailments:
        return
    version = str(fact.live.get("version", ""))
    copies = len(fact.expected)
    running = f", {copies} {'copy' if copies == 1 else 'copies'} up and healthy" if copies else ""
    yield asked.finding("serves", "ok", f"serves {version}, generation {fact.member.current}{running}; files and journal are as recorded")


def _door(asked: Asked) -> Iterator[Finding]:
    examined = asked.examined
    if examined.listen_fault:
        yield asked.finding(
            "listen",
            "wrong",
            f"requests cannot come in at {examined.listen}",
            examined.listen_fault,
            next=_free(asked, examined.listen_fault),
        )
    elif examined.listen and (asked.facts.proxy.running or asked.facts.live is None):
        says = "its proxy listens" if asked.facts.proxy.running else "nothing listens yet, and its proxy may"
        yield asked.finding("listen", "ok", f"{says} at {examined.listen}")


def _free(asked: Asked, fault: str) -> str:
    if RESERVED in fault:
        return f"shipway setup {asked.environment} lets its user listen at the ports of the web"
    other = f"end what holds it, or set another `listen` for {asked.host.name} in shipway.toml and commit"
    return f"{other}; then shipway deploy {asked.environment}"


def _reboot(asked: Asked) -> Iterator[Finding]:
    fact, hello = asked.facts, asked.facts.hello
    if hello.after_reboot:
        yield asked.finding("reboot", "ok", f"comes back after a reboot, by {hello.reboot_means or 'its crontab'}")
    elif fact.live is None or not hello.reboot_line:
        return
    elif asked.host.address == "local":
        yield asked.finding(
            "reboot",
            "note",
            "nothing starts it after a reboot of this machine",
            next=f"this line in your crontab does: {hello.reboot_line}",
        )
    elif hello.reboot_means:
        yield asked.finding(
            "reboot",
            "wrong",
            "nothing starts this application after a reboot",
            f"{hello.reboot_means} could; what each deployment writes for it is not there",
            next=f"shipway doctor {asked.environment} --fix writes it again; "
            f"where its user may not linger, shipway setup {asked.environment} lets it",
        )
    else:
        command = hello.reboot_line.removeprefix("@reboot ").removesuffix(" >/dev/null 2>&1")
        yield asked.finding(
            "reboot",
            "note",
            "nothing starts this application after a reboot: there is neither systemd nor cron for this user",
            next=f"install cron on {asked.host.name}, or have the machine run at its start: {command}",
        )


def _clock(asked: Asked) -> Iterator[Finding]:
    skew = asked.examined.skew_seconds
    if abs(skew) < NOTED_SKEW_SECONDS:
        yield asked.finding("clock", "ok", "its clock agrees with the one here")
        return
    yield asked.finding(
        "clock",
        "wrong" if abs(skew) >= WRONG_SKEW_SECONDS else "note",
        f"its clock is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} the one here",
        "no decision of a deployment reads it; logs, certificates and tokens do",
        next=f"timedatectl set-ntp true, on {asked.host.name} or here: whichever is wrong (date -u shows it)",
    )


def _restarts(asked: Asked) -> Iterator[Finding]:
    for (name, number), row in asked.facts.expected.items():
        if row is not None and row.state == "up" and row.healthy and row.restarts:
            yield asked.finding(
                "process",
                "note",
                f"process {name}.{number} ended {_times(row.restarts)} and was started again{_code(row)}",
                next=f"shipway logs {asked.environment} --host {asked.host.name} --process {name} shows its last lines",
            )


def _jobs(asked: Asked) -> Iterator[Finding]:
    """A job whose last run did not end well is wrong, and so is one that is due and does not run."""
    for job in asked.facts.jobs:
        logs = f"shipway logs {asked.environment} --host {asked.host.name} --process"
        if job.failed and job.last is not None:
            code = f" (exit {job.last.exit})" if job.last.exit is not None else ""
            yield asked.finding(
                "job", "wrong", f"job {job.name} {BAD_ENDS[job.last.state]}{code}", *job.last.lines[-3:], next=f"{logs} {job.name} says why"
            )
        if job.overdue >= OVERDUE_TIMES and job.running is None:
            what = f"job {job.name} was due twice or more ({job.schedule} {job.timezone}) and has not run"
            yield asked.finding("job", "wrong", what, next=f"{logs} supervisor says why")
        elif job.skipped and job.running is not None:
            what = f"job {job.name} was due {_times(job.skipped)} while it still ran"
            yield asked.finding("job", "note", what, next="give it another schedule, or a shorter timeout_seconds")
        elif not job.failed and job.schedule:
            yield asked.finding("job", "ok", f"job {job.name} {'has not run yet' if job.last is None else 'ended well'}")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _under_way(asked: Asked) -> Iterator[Finding]:
    doing = asked.facts.doing
    if doing is not None and doing.left_seconds is not None:
        since = "" if doing.held_seconds is None else f" since {doing.held_seconds:.0f} s"
        yield asked.finding(
            "lease",
            "note",
            f"deployment {doing.deployment} of {doing.owner or 'somebody'} holds its lease{since}",
            f"it runs out in {doing.left_seconds:.0f} s unless its driver is heard",
            next=f"shipway attach {asked.environment} watches it",
        )
    for busy in asked.facts.busy:
        if doing is None or busy.deployment != doing.deployment:
            yield asked.finding(
                "step",
                "note",
                f"step {busy.key} of {busy.deployment} still runs, and no deployment is granted until it has ended",
                next=f"it is ended at its own timeout; then shipway doctor {asked.environment}",
            )


def _left(asked: Asked) -> Iterator[Finding]:
    for stray in asked.examined.strays:
        yield asked.finding(
            "stray",
            "wrong",
            f"process {stray.pid} runs and belongs to nothing: it was {stray.copy} of generation {stray.generation}",
            "its supervisor does not know it, so nothing would end it",
            next=f"kill {stray.pid}, on {asked.host.name}",
        )
    for orphan in asked.examined.orphans:
        yield asked.finding(
            "orphan",
            "note",
            f"{orphan.task} of {orphan.deployment} runs on, and the agent that began it is gone",
            next=f"it is ended in {max(0.0, orphan.seconds_left):.0f} s at the latest; then shipway doctor {asked.environment}",
        )
    for task in asked.facts.left:
        if task.state != "running":
            how = "began, and nobody saw how it ended" if task.state == "unknown" else "ran, and was not undone"
            yield asked.finding(
                "task",
                "note",
                f"{task.task} of {task.deployment}, which did not go live, {how}",
                next=f"shipway resume {asked.environment} {'undoes' if task.undo else 'names'} it",
            )


def _notifications(asked: Asked) -> Iterator[Finding]:
    box = asked.facts.notifications
    stuck = bool(box.last_error) or box.failed > 0
    if not box.waiting and not stuck:
        if box.targets:
            yield asked.finding("notifications", "ok", f"{_count(box.targets, 'target')} of notifications, and nothing waits")
        return
    parts = [f"{_count(box.waiting, 'notification')} not sent yet"] if box.waiting else []
    parts += [f"{_count(box.failed, 'notification')} given up"] if box.failed else []
    yield asked.finding(
        "notifications",
        "wrong" if stuck else "note",
        "; ".join(parts) or "notifications cannot be sent from here",
        *([box.last_error] if box.last_error else []),
        next=f"correct the target (its variable here, or `notify` in shipway.toml), then shipway deploy {asked.environment}"
        if stuck
        else "the host tries again by itself",
    )


def _code(row: Instance) -> str:
    return "" if row.exit is None else f" (exit {row.exit})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _doctor(asked: Asked) -> str:
    return f"shipway doctor {asked.environment}"

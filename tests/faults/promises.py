"""A trial in, the promises it broke out, one sentence each: only what can be seen from outside counts."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from load.outcome import Sample
from tests.faults.books import broken_books
from tests.faults.ground import DRAIN_SECONDS, ROOT
from tests.faults.processes import began_at
from tests.faults.trial import SLACK_SECONDS, Asked, Trial
from tests.stories.proof import marker_of, visit

QUIET_SECONDS = DRAIN_SECONDS + 25.0
"""Within this every old process has drained and is gone, and no agent serves a driver, also on a busy machine."""

BLUR_SECONDS = 0.2
"""Between the moment at which the proxy read the link, and the moment at which its answer was noted."""


def quiet(trial: Trial) -> list[str]:
    """Wait until nothing is on its way; what does not come to rest."""
    deadline = time.monotonic() + QUIET_SECONDS
    while left := [text for host in trial.ground.names for text in _left(trial, host)]:
        if time.monotonic() > deadline:
            return left
        time.sleep(0.1)
    return []


def broken_promises(trial: Trial) -> list[str]:
    """All that was promised and not kept, once the trial is quiet and its load has stopped."""
    return [
        *_agreement(trial),
        *_one_decision(trial),
        *_in_time(trial),
        *_served(trial),
        *_answers(trial),
        *_waits(trial),
        *(untruth for asked in trial.asked for untruth in _untruths(trial, asked)),
        *_once(trial),
        *_books(trial),
    ]


def _left(trial: Trial, host: str) -> Iterator[str]:
    """Processes that should be gone: of generations that do not serve, of tasks, of drivers' agents; and deployments still open.

    The agent of a channel that went silent without a word waits for its driver for a while, and is harmless: that of a host which was
    dark, in this trial or in an earlier one on the same ground.
    """
    seen = trial.ground.watch.now(host)
    if seen.undecided or seen.lease:
        yield f"{host}: {', '.join(seen.undecided) or seen.lease} is not settled"
    serving = 0
    for pid, command in trial.ground.hosts.pids(host).items():
        marker = marker_of(pid)
        root, generation, name = [*marker.split("/"), "", "", ""][:3]
        if root == "task" or (name == "web" and generation != str(seen.link)):
            yield f"{host}: a process of what does not serve is left: {pid} {marker} {command}"
        elif name == "web":
            serving += 1
            yield from _elsewhere(host, pid)
        if _serves_a_driver(trial, pid, command) and not trial.is_dark(host, trial.began_at, time.time()):
            yield f"{host}: an agent still serves a driver: {pid} {command}"
    if not serving:
        yield f"{host}: no process of generation {seen.link} runs"


def _serves_a_driver(trial: Trial, pid: int, command: str) -> bool:
    """Whether it is the agent of a driver of this trial."""
    try:
        return " serve --root " in f" {command} " and began_at(pid) >= trial.began_at
    except OSError:
        return False  # it ended while we looked


def _elsewhere(host: str, pid: int) -> Iterator[str]:
    """A serving process whose working directory is not the release that the link leads to."""
    try:
        cwd = os.readlink(f"/proc/{pid}/cwd")
        release = os.readlink(f"/proc/{pid}/root{ROOT}/{os.readlink(f'/proc/{pid}/root{ROOT}/current')}/release")
    except OSError:
        return  # it ended while we looked; the next look tells
    if os.path.basename(cwd) != os.path.basename(release):
        yield f"{host}: process {pid} runs in {cwd}, the link leads to {release}"


def _agreement(trial: Trial) -> Iterator[str]:
    now = {host: trial.ground.watch.at_rest(host) for host in trial.ground.names}
    if len({(seen.link, seen.version) for seen in now.values()}) != 1:
        yield f"the hosts do not agree: { ({host: (seen.link, seen.version) for host, seen in now.items()}) }"
    for host, seen in now.items():
        if seen.link != seen.current:
            yield f"{host}: the link is generation {seen.link}, the journal says {seen.current}"
        answer = visit(trial.ground.doors[host])
        if answer != f"200 {seen.version}":
            yield f"{host}: the front door answers {answer}, the link is version {seen.version}"
    if trial.head and {seen.version for seen in now.values()} != {trial.head}:
        yield f"version {trial.head} was deployed last, and {sorted({seen.version for seen in now.values()})} serves"
    if trial.asked and (trial.asked[-1].code != 0 or not trial.asked[-1].said.get("agrees")):
        yield f"the last status ended with {trial.asked[-1].code}: {trial.asked[-1].said}"


def _one_decision(trial: Trial) -> Iterator[str]:
    for deployment, decisions in trial.decisions().items():
        if len(set(decisions.values())) > 1:
            yield f"{deployment} was decided both ways: {decisions}"


def _in_time(trial: Trial) -> Iterator[str]:
    seconds = trial.decided_seconds
    if seconds is not None and seconds > trial.bound_seconds:
        yield f"decided after {seconds:.1f} s; T is {trial.bound_seconds:g} s"


def failures(trial: Trial) -> list[Sample]:
    """Requests that failed although their host could be visited."""
    hosts = {door: host for host, door in trial.ground.doors.items()}
    told = trial.outcome.failures if trial.outcome is not None else ()
    return [one for one in told if not trial.is_dark(hosts[one.address], one.at, one.at + one.seconds)]


def _served(trial: Trial) -> Iterator[str]:
    assert trial.outcome is not None
    hosts = {door: host for host, door in trial.ground.doors.items()}
    if failed := failures(trial):
        told = "; ".join(f"{one.at:.2f} {hosts[one.address]} {one.kind}: {one.error}" for one in failed[:5])
        yield f"{len(failed)} of {trial.outcome.sent} requests failed: {told}"
    silent = [door for door in hosts if not any(one.address == door for one in trial.outcome.samples)]
    if silent:
        yield f"nobody visited {silent}: the load did not run"


def _answers(trial: Trial) -> Iterator[str]:
    """Each answer is of a version that the host's link had when it was asked for."""
    assert trial.outcome is not None
    hosts = {door: host for host, door in trial.ground.doors.items()}
    wrong: Counter[tuple[str, str]] = Counter()
    for one in trial.outcome.samples:
        host = hosts[one.address]
        span = one.at - BLUR_SECONDS, one.at + one.seconds + BLUR_SECONDS
        if not one.error and one.version not in {seen.version for seen in trial.ground.watch.during(host, *span)}:
            wrong[host, one.version] += 1
    for (host, version), count in wrong.items():
        yield f"{host} gave {count} answers of version {version} when its link was another"


def _waits(trial: Trial) -> Iterator[str]:
    """Every wait that a driver told ended within its bound."""
    for drive in trial.drives:
        events = drive.events
        for number, event in enumerate(events):
            if event.get("event") != "waiting":
                continue
            later = [one["at"] for one in events[number + 1 :] if "at" in one and one.get("host") in ("", event.get("host"))]
            ended = min([*later, *([drive.ended_at] if drive.ended_at else [])], default=None)
            bound = float(event["data"]["bound_seconds"])
            if ended is not None and drive.fault is None and ended - event["at"] > bound + SLACK_SECONDS:
                yield f"{drive.name} waited {ended - event['at']:.1f} s for {event['data']['what']}, bound {bound:g} s"


def _untruths(trial: Trial, asked: Asked) -> Iterator[str]:
    """What status said that was true at no instant while it was asked."""
    hosts: list[dict[str, Any]] = asked.said.get("hosts", [])
    for said in hosts:
        host = str(said["host"])
        if trial.is_dark(host, asked.began, asked.ended):
            continue
        true = trial.ground.watch.during(host, *asked.when(host))
        if not said["reachable"]:
            yield f"status said {host} is not reachable"
            continue
        if said["generation"] not in {seen.link for seen in true} | {seen.current for seen in true}:
            yield f"status said {host} serves generation {said['generation']}; it was {sorted({str(seen.link) for seen in true})}"
        if str(said["version"]).removeprefix("v") not in {seen.version for seen in true} and all(
            seen.link == seen.current for seen in true
        ):
            yield f"status said {host} serves version {said['version']}; it was {sorted({seen.version for seen in true})}"
        undecided = said["state"] == "undecided"
        if undecided not in {seen.open for seen in true}:
            yield f"status said {host} is {said['state']}; undecided was {not undecided} all the time"
    versions = {said["version"] for said in hosts}
    if asked.said.get("agrees") and (len(versions) != 1 or any(said["state"] == "undecided" for said in hosts)):
        yield f"status said the hosts agree: {asked.said}"
    if (asked.code == 0 and not asked.said.get("agrees")) or asked.code not in (0, 4):
        yield f"status ended with {asked.code}: {asked.said}"
    if {said["host"] for said in hosts} != set(trial.ground.names):
        yield f"status named {[said['host'] for said in hosts]}"


def _books(trial: Trial) -> Iterator[str]:
    """No write that was acknowledged is lost, none failed, and the schema is that of the version that serves."""
    scribes = trial.scribes
    if scribes is None:
        return
    failed = [one for one in scribes.failed if not trial.is_dark(one.host, one.began, one.ended)]
    if failed:
        first = "; ".join(f"{one.began:.2f} {one.host}: {one.why}" for one in failed[:3])
        yield f"{len(failed)} writes failed, and {len(scribes.acknowledged)} did not: {first}"
    serving = trial.ground.watch.now(trial.ground.lead).version
    roots = {host: trial.ground.hosts.path(host, ROOT) for host in trial.ground.names}
    yield from broken_books(scribes.books, scribes, serving, roots)


def _once(trial: Trial) -> Iterator[str]:
    """No task and no step of a deployment took effect twice."""
    for host in trial.ground.names:
        for line, times in Counter(trial.ground.told(host)).items():
            if times > 1:
                yield f"{host}: the task of generation {line} ran {times} times"
        ended = Counter(
            (event["deployment"], event["data"]["key"])
            for event in trial.ground.journal(host, since=trial.began_at)
            if event["kind"] == "step" and event["data"]["state"] == "done" and event["deployment"][:1].isdigit()
        )
        for (deployment, key), times in ended.items():
            if times > 1:
                yield f"{host}: step {key} of {deployment} was done {times} times"

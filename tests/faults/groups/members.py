"""Members leave, are left out and are written off while visitors come: who stays serves on, who leaves finishes what it began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse

from tests.faults.case import Case, Family, Group
from tests.faults.ground import DRAIN_SECONDS, ENVIRONMENT, Ground
from tests.faults.groups.network import back
from tests.faults.trial import Trial

LONG_SECONDS = 15.0
"""Of an answer that is under way when its host is taken out."""

LONG_DRAIN_SECONDS = 60.0
LONG_REQUESTS = 8
LONG_CHUNKS = 30


def left_out(ground: Ground) -> Iterable[Case]:
    yield Case("a host that serves is left out, and comes up to date", _left_out)


def leaving(ground: Ground) -> Iterable[Case]:
    yield Case("a host is removed with requests under way, and taken in again", _removed)
    yield Case("a lost host is written off, the others go on without it, and it returns", _written_off)


def _removed(trial: Trial) -> None:
    ground, leaver = trial.ground, trial.ground.names[-1]
    settings = ground.settings(trial.times)
    ground.author.commit(settings.replace(f"drain_seconds = {DRAIN_SECONDS:g}", f"drain_seconds = {LONG_DRAIN_SECONDS:g}"))
    trial.next_deploy()
    with trial.dark(leaver):  # who comes when it has left finds nobody; who was there is answered
        with long_answers(ground.doors[leaver]) as ended:
            ground.project.run("host", "remove", ENVIRONMENT, leaver)
        whole = [f"{LONG_CHUNKS} chunks"] * LONG_REQUESTS
        trial.expect(ended == whole, f"answers under way at {leaver} when it was removed: {ended}")
        trial.commit()
        trial.struck()
        trial.next_deploy()


def _left_out(trial: Trial) -> None:
    trial.commit()
    trial.ground.project.run("deploy", ENVIRONMENT, "--without", trial.ground.names[-1], code=4)
    trial.struck()
    trial.next_deploy()


def _written_off(trial: Trial) -> None:
    ground, lost = trial.ground, trial.ground.names[-1]
    trial.commit()
    with trial.dark(lost):
        ground.hosts.kill(lost)
        ground.project.run("host", "remove", ENVIRONMENT, lost, "--lost")
        without = [line for line in ground.settings(trial.times).splitlines(keepends=True) if f'name = "{lost}"' not in line]
        ground.author.commit("".join(without))
        said = ground.project.run("deploy", ENVIRONMENT)
        trial.expect(f"proved on {', '.join(ground.names[:-1])}" in said.text, f"not only those that stayed are live: {said.text}")
        back(trial, lost)
        trial.commit()
        trial.struck()
        trial.next_deploy()


@contextmanager
def long_answers(door: str) -> Iterator[list[str]]:
    """Answers of which the first part has come when the block begins; what came of each in all, or its fault, once the block is over."""
    ended: list[str] = []
    with ThreadPoolExecutor(LONG_REQUESTS) as pool:
        begun = list(pool.map(_begin, [door] * LONG_REQUESTS))
        waiting = [pool.submit(_end, *one) for one in begun]
        yield ended
        ended += [one.result() for one in waiting]


def _begin(door: str) -> tuple[HTTPConnection, HTTPResponse, bytes]:
    connection = HTTPConnection(door, timeout=60)
    connection.request("GET", f"/stream?chunks={LONG_CHUNKS}&seconds={LONG_SECONDS:g}")
    answer = connection.getresponse()
    return connection, answer, answer.read1(1)


def _end(connection: HTTPConnection, answer: HTTPResponse, first: bytes) -> str:
    try:
        return f"{len((first + answer.read()).splitlines())} chunks"
    except (OSError, HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()


GROUP = Group("members", (Family("left-out-3", 3, left_out), Family("leaving-3", 3, leaving, slow=True, seconds=35.0)))

"""What the operator's machine has in, Findings out: git and ssh, each of a version that will do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from shipway.model.finding import Finding
from shipway_agent.record import dataclass

OLDEST_GIT = (2, 30)


@dataclass(frozen=True, slots=True)
class Program:
    """A program that was asked for its version: `said` is the first line of its answer, None where it is not installed."""

    name: str
    said: str | None


def operator_findings(git: Program, ssh: Program, addresses: Sequence[str]) -> Iterator[Finding]:
    """`addresses` are those of the environment's hosts; without one over ssh no ssh is needed."""
    yield _git(git)
    over_ssh = [address for address in addresses if address != "local"]
    if ssh.said is not None:
        yield Finding("ssh", "ok", ssh.said)
    elif over_ssh:
        why = (f"{over_ssh[0]} is reached with it" if len(over_ssh) == 1 else f"{len(over_ssh)} hosts are reached with it",)
        yield Finding("ssh", "wrong", "there is no ssh client here", why=why, next=_install("openssh-client"))
    else:
        yield Finding("ssh", "note", "there is no ssh client here, and no host of this environment needs one")


def _git(git: Program) -> Finding:
    if git.said is None:
        return Finding("git", "wrong", "git is not installed", why=("what is shipped is a commit",), next=_install("git"))
    version = tuple(int(part) for part in re.findall(r"\d+", git.said)[:2])
    if version < OLDEST_GIT:
        return Finding("git", "wrong", f"{git.said} is too old; 2.30 or newer is needed", next=_install("git"))
    return Finding("git", "ok", git.said)


def _install(package: str) -> str:
    return f"sudo apt-get install {package} (or as your system has it)"

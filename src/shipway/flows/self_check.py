"""`shipway self-check`: whether this installation is whole and finds what it needs. No host and no project is asked."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import shipway
import shipway_agent
from shipway import __version__
from shipway.flows.installed import differing, is_checkout
from shipway.flows.words import SelfCheckWords
from shipway.ledger.store import FORMAT as LEDGER_FORMAT
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.reports.clean import clean
from shipway.reports.schemas import REPORT_FORMAT
from shipway.transports.bundle import bundle, pack
from shipway.transports.known import agent_hash
from shipway_agent.journal import FORMAT as JOURNAL_FORMAT
from shipway_agent.record import asdict, dataclass

PYTHON = (3, 11)
GIT = (2, 30)
ASK_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Check:
    """`found` says what is there; `next` what to type where that is not good."""

    name: str
    good: bool
    found: str
    next: str = ""


async def self_check(words: SelfCheckWords, on_event: Callable[[Event], None]) -> Verdict:
    """Look at everything, whatever is wrong with one of it. Ends with 1 where something is not good."""
    checks = [_version(), _python(), await _git(), await _ssh(), _agent(), _files(), _formats()]
    bad = [check for check in checks if not check.good]
    lines = [f"{'good' if check.good else 'BAD '}  {check.name.ljust(8)}  {check.found}" for check in checks]
    data = {"checks": [{**asdict(check), "next": "" if check.good else check.next} for check in checks], "lines": lines}
    if not bad:
        return Verdict("answer", 0, f"shipway {__version__} is whole and finds what it needs", data=data)
    return Verdict("answer", 1, "not good: " + ", ".join(check.name for check in bad), bad[0].next, data=data)


def _version() -> Check:
    return Check("shipway", True, f"{__version__} in {Path(shipway.__file__).parent}")


def _python() -> Check:
    found = f"{sys.version.split()[0]} at {sys.executable}"
    return Check("python", sys.version_info >= PYTHON, found, f"install it with Python {PYTHON[0]}.{PYTHON[1]} or newer")


async def _git() -> Check:
    said = await _said("git", "--version")
    number = re.search(r"(\d+)\.(\d+)", said)
    good = number is not None and (int(number[1]), int(number[2])) >= GIT
    return Check("git", good, said or "not found", f"install git {GIT[0]}.{GIT[1]} or newer")


async def _ssh() -> Check:
    said = await _said("ssh", "-V")
    return Check("ssh", "SSH" in said, said or "not found", 'install an OpenSSH client; hosts with address = "local" need none')


def _agent() -> Check:
    """Packed twice from its files: what travels to hosts must not depend on when it was made, and goes by the name that is remembered."""
    try:
        first, again = bundle(), pack(Path(shipway_agent.__file__).parent)
    except OSError as error:
        return Check("agent", False, f"cannot be packed: {error}", "install shipway again")
    found = f"{first.hash}, {len(first.data):,} bytes"
    good = first == again and first.hash == agent_hash()
    return Check("agent", good, found, "install shipway again, and nothing that writes into it")


def _files() -> Check:
    """Of a wheel every file is compared; a checkout's are meant to change."""
    again = "install shipway again: pip install --force-reinstall, or pipx reinstall shipway"
    try:
        found = distribution("shipway")
        if is_checkout(found):
            return Check("files", True, "of a checkout, not compared")
        if Path(str(found.locate_file("shipway"))).resolve() != Path(shipway.__file__).parent.resolve():
            return Check("files", True, "run from elsewhere than where it is installed, not compared")
        lines = differing(found)
    except PackageNotFoundError:
        return Check("files", True, "not installed but run from its source, not compared")
    except OSError as error:
        return Check("files", False, f"cannot be read: {error}", again)
    more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
    return Check("files", not lines, f"{', '.join(lines[:3])}{more}" if lines else "as the wheel's RECORD says", again)


def _formats() -> Check:
    return Check("formats", True, f"report {REPORT_FORMAT}, ledger {LEDGER_FORMAT}, journal {JOURNAL_FORMAT}")


async def _said(*argv: str) -> str:
    """What a program says of its version on one line, "" where it is not there, fails or says nothing in time."""
    if shutil.which(argv[0]) is None:
        return ""
    return await asyncio.to_thread(_run, argv)


def _run(argv: Sequence[str]) -> str:
    try:
        done = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=ASK_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return clean((done.stdout or done.stderr).decode(errors="replace").strip()) if done.returncode == 0 else ""

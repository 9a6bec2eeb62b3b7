"""A root in; out, something on this machine that starts its supervisor after a reboot: a unit of the user's systemd, else cron."""

from __future__ import annotations

import os
import sys
import time
from functools import cache

from shipway_agent import crontab, supervisor, units
from shipway_agent.blake import blake2b
from shipway_agent.errors import AgentError
from shipway_agent.itself import CURRENT, own_file
from shipway_agent.journal import Journal
from shipway_agent.primitives import Context
from shipway_agent.root import Root
from shipway_agent.surroundings import account
from shipway_agent.typed import Any, Dict, Iterable, List, Mapping, Optional, Tuple

UNIT, CRON = "systemd", "cron"

PROVIDED = "after_reboot"
"""Row of meta: the digest of the lines that the last `ensure` left in the crontab; none where it left none."""

ASK_SECONDS = 1.0
HAND_OVER_SECONDS = 10.0
"""Bound of having the supervisor in its unit; past it the deployment goes on with whichever there is."""


def ensure(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Have a unit or lines in the user's crontab start this root's supervisor: {"by", "changed", "note"}. Never fails a deployment:

    `by` is "" where neither could be done, and `note` says why. The supervisor starts the proxy's own. What names the agent here is
    a link that each supervisor points at itself, so that an upgrade changes no unit and no crontab.
    """
    root, tried = context.root, []
    if own_file() is None:
        return _answer("", False, "this agent runs from sources: nothing starts it after a reboot")
    if units.is_init():
        try:
            changed = _by_unit(context, str(args["app"]), str(args["environment"]))
            _note(context.journal, None)
            return _answer(UNIT, changed, "")
        except AgentError as error:
            tried.append(error.message)
    try:
        changed = crontab.put(_marker(root.path), lines(root, context.proxy))
    except AgentError as error:
        _note(context.journal, None)
        tried.append(error.message)
        return _answer("", False, f"nothing starts this application after a reboot: {'; '.join(tried)}")
    table.cache_clear()
    _note(context.journal, _digest(root, context.proxy))
    note = "" if crontab.is_read() else "the lines that start this application after a reboot are in the crontab, but no cron runs here"
    return _answer(CRON, changed, note)


def forget(root: Root) -> List[str]:
    """Take unit and lines away. The reasons why something is still there."""
    left: List[str] = []
    for name in units.of_root(root.path):
        try:
            units.remove(name)
        except AgentError as error:
            left.append(f"the unit {name} stays: {error.message}")
    try:
        if _own_lines(root.path):
            crontab.put(_marker(root.path), [])
    except AgentError as error:
        left.append(f"the lines of this application in the crontab stay: {error.message}")
    table.cache_clear()
    return left


def lines(root: Root, proxy: str) -> Tuple[str, ...]:
    """What a crontab needs: a start with the machine, and a look every minute, which ends at once where a supervisor runs."""
    command = f"{crontab.escaped(_command(root, proxy))} >/dev/null 2>&1"
    return f"@reboot {command}", f"* * * * * {command}"


def means() -> str:
    """What could start a supervisor here: "systemd", "cron" or ""."""
    if units.is_init() and units.lingers(account().name):
        return UNIT
    if table() is None:
        return UNIT if units.is_init() else ""  # a user may often let itself linger; whether it may, `ensure` finds out
    return CRON


def starts_after_reboot(root: str, user: str, home: str) -> bool:
    """An enabled user unit with lingering, or an @reboot line in the user's crontab, that names this root and `supervise`."""
    return (units.lingers(user) and _unit_names(root, home)) or any(_names(line, root) for line in _reboot_lines())


def was_provided(root: Root, proxy: str, journal: Journal) -> bool:
    """Whether the last `ensure` left the lines of this root in the crontab. For whoever asks between two deployments this is hearsay:
    somebody may have taken them away since, which the next `ensure` mends.
    """
    return journal.meta(PROVIDED) == _digest(root, proxy)


@cache
def table() -> Optional[bytes]:
    """The user's crontab, read once, for every look asks for it; None where it cannot be read."""
    try:
        return crontab.read()
    except AgentError:
        return None


def _by_unit(context: Context, app: str, environment: str) -> bool:
    root = context.root
    units.have_linger()
    name = units.name_for(app, environment, root.path, root.digest)
    changed = units.install(name, [*_command(root, context.proxy), "--foreground"], root.path)
    _hand_over(root, name)
    table.cache_clear()
    if _own_lines(root.path):
        crontab.put(_marker(root.path), [])  # one of the two is enough
    return changed


def _hand_over(root: Root, name: str) -> None:
    """A supervisor that a login started becomes the unit's: it goes, its processes go on, and the unit's own finds them again.

    So what it starts from now on is systemd's to count, to limit and to keep when the login's session is ended. Where the unit does not
    come up the next one who needs a supervisor starts it, as ever. Raises AgentError `unit`.
    """
    found = supervisor.ask(root, {"hello": True}, ASK_SECONDS)
    if found is None or units.holds(name, int(found["pid"])):
        return
    from signal import SIGTERM  # 1 ms, and most supervisors are their unit's already

    try:
        os.kill(int(found["pid"]), SIGTERM)
    except ProcessLookupError:
        pass  # it has just ended
    until = time.monotonic() + HAND_OVER_SECONDS
    while root.supervised() and time.monotonic() < until:
        now = supervisor.ask(root, {"hello": True}, ASK_SECONDS)
        if now is not None and units.holds(name, int(now["pid"])):
            return
        time.sleep(0.02)
    units.restart(name)  # it waits a second by itself
    while time.monotonic() < until:
        now = supervisor.ask(root, {"hello": True}, ASK_SECONDS)
        if now is not None:
            return
        time.sleep(0.02)


def begin_unit(root: Root) -> None:
    """Where a unit of this user's systemd supervises this root, have it do so now, and wait for it: one that a login started would hold
    its place, and systemd would start its own again each second. Where it does not come up whoever needs a supervisor starts one.
    """
    mine = units.of_root(root.path)
    if not mine or not units.is_init():
        return
    try:
        units.restart(mine[0])
    except AgentError:
        return
    until = time.monotonic() + HAND_OVER_SECONDS
    while time.monotonic() < until and supervisor.ask(root, {"hello": True}, ASK_SECONDS) is None:
        time.sleep(0.02)


def _command(root: Root, proxy: str) -> List[str]:
    return [sys.executable, "-I", "-S", "-X", "utf8", root.full(CURRENT), "supervise", "--root", root.path, "--proxy", proxy]


def _marker(root: str) -> str:
    """Stands behind each line of ours, as a comment for the shell."""
    return "# shipway " + root.replace("%", "\\%")


def _note(journal: Journal, provided: Optional[str]) -> None:
    if journal.meta(PROVIDED) != provided:
        journal.set_meta(PROVIDED, provided, synced=False)


def _digest(root: Root, proxy: str) -> str:
    return blake2b("\n".join(lines(root, proxy)).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _own_lines(root: str) -> List[bytes]:
    end = f" {_marker(root)}".encode()
    return [line for line in (table() or b"").split(b"\n") if line.endswith(end)]


def _reboot_lines() -> Iterable[str]:
    return [line for line in (table() or b"").decode("utf-8", "replace").splitlines() if line.lstrip().startswith("@reboot")]


def _unit_names(root: str, home: str) -> bool:
    wanted = f"{home}/{units.FOLDER}/default.target.wants"
    try:
        found = [f"{wanted}/{name}" for name in os.listdir(wanted) if name.startswith("shipway")]
        return any(_names(line, root) for unit in found for line in _lines(unit))
    except OSError:
        return False


def _lines(path: str) -> Iterable[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(1 << 16).splitlines()


def _names(line: str, root: str) -> bool:
    """Whether a line starts the supervisor of this root, and not of one whose path goes on behind it."""
    at = line.find(root)
    while at >= 0:
        behind = line[at + len(root) : at + len(root) + 1]
        if not behind.isalnum() and behind not in ("_", ".", "/", "-"):
            return "supervise" in line
        at = line.find(root, at + 1)
    return False


def _answer(by: str, changed: bool, note: str) -> Dict[str, Any]:
    return {"by": by, "changed": changed, "note": note}

"""A root in, what is there out: who answers, and everything a plan needs to know. Read from disk and kernel, never from intent."""

from __future__ import annotations

import os
import sys

from shipway_agent import clock, decide, leftovers
from shipway_agent.apply import pointed
from shipway_agent.call import Place
from shipway_agent.errors import AgentError
from shipway_agent.folder import Folder
from shipway_agent.journal import AGENT, CANNOT_ASK, PEER_PORT, Journal
from shipway_agent.notifications import box
from shipway_agent.primitives import Context, generations, seals, trees
from shipway_agent.progress import progress, under_way
from shipway_agent.record import asdict
from shipway_agent.root import Root
from shipway_agent.surroundings import account
from shipway_agent.typed import Any, Dict, List, Optional

SHARED = "shared"
NEWEST_EVENTS = 500
"""So many a look compares of a journal that votes and `verify` read whole: those of the last deployments."""

ENDING = ("draining", "stopping")
"""States of a process that was told to end."""


def hello(place: Place, *, brief: bool = False, hearsay: Optional[Journal] = None) -> Dict[str, Any]:
    """Who answers. `why_not` says why this machine cannot take a release, None when it can. A `brief` one leaves out what starts the
    supervisor after a reboot: crontab(1) is a program to run. With `hearsay` it is not run where that journal has what it said last.
    """
    ours = account()
    return {
        "host": place.name,
        "agent": place.agent,
        "python": sys.version.split()[0],
        "platform": f"{sys.platform}-{os.uname().machine}",
        "libc": _libc(),
        "user": ours.name,
        "uid": os.geteuid(),
        "home": ours.home,
        "root": place.root.path,
        "boot_id": clock.boot_id(),
        "boot_now": clock.boot_now(),
        "clock": clock.wall_now(),
        "why_not": _why_not(),
        **({} if brief else _after_reboot(place, hearsay)),
    }


def look(
    place: Place, journal: Journal, *, verify: bool, sealed: bool = False, brief: bool = False, leased: bool = False
) -> Dict[str, Any]:
    """The FACTS of docs/contracts.md. With `verify`, also how the live release differs from its manifest, and the bytes of the root.

    With `sealed` as well, a tree whose seal is unbroken is not read again, and the root is not measured. `brief` as in `hello`, which
    goes by hearsay for a `leased` host: its deployment asks crontab(1) itself, in `reboot.ensure`.
    What few hosts have is loaded only for those: of a login, loading is most.
    """
    root, member = place.root, journal.member()
    documents = generations.documents(root)
    free_bytes, free_inodes = root.room()
    live = documents.get(member.current) if member.current is not None else None
    doing = under_way(member, clock.boot_now())
    unsound = _unsound(journal, NEWEST_EVENTS if sealed else None) if verify else None
    rows = journal.processes()
    return {
        "hello": hello(place, brief=brief, hearsay=journal if leased else None),
        "disk": {"free_bytes": free_bytes, "free_inodes": free_inodes if free_inodes >= 0 else None},
        "member": decide.to_json(member),
        "link": pointed(root),
        "generations": {str(number): document for number, document in documents.items()},
        "good": journal.good(),
        "releases": trees.complete(root),
        "processes": [asdict(row) for row in rows],
        "proxy": _proxy(place),
        "jobs": _jobs(journal, member.name, live),
        "shared": shared_paths(root),
        "doing": progress(journal, doing, clock.boot_now(), clock.wall_now()) if doing is not None else None,
        "draining": _draining(root, journal) if any(row.state in ENDING for row in rows) else [],
        "drift": [*([unsound] if unsound else []), *(_drift(place, journal, live, sealed) if live is not None else [])] if verify else [],
        "unsound": unsound,
        "busy": [{"deployment": step.deployment, "key": step.key, "since": step.at} for step in journal.busy()],
        "left": leftovers.left(root, journal),
        "supervisor": {"running": root.supervised(), "agent": journal.meta(AGENT) or ""},
        "root_bytes": bytes_below(root) if verify and not sealed else 0,
        "notifications": box.summary(journal),
        "peer_port": int(journal.meta(PEER_PORT) or 0) or None,
        "cannot_ask": journal.meta(CANNOT_ASK),
    }


def shared_paths(root: Root) -> List[str]:
    """The shared paths that exist here: as generations declare them, and what lies in `shared` without any such declaration."""
    declared = {os.fsdecode(path) for path in trees.shared_of(root)}
    there = {path for path in declared if _exists(root, f"{SHARED}/{path}")}
    tops = {path.split("/")[0] for path in declared}
    return sorted(there | {name for name in root.names(SHARED) if name not in tops})


def bytes_below(folder: Folder) -> int:
    """Bytes on disk below an open directory, each file counted once."""
    seen, total, stack = set(), 0, [folder.path]
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    if (found.st_dev, found.st_ino) not in seen:
                        seen.add((found.st_dev, found.st_ino))
                        total += found.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
        except OSError:
            continue  # removed while we looked, or an app's own closed directory
    return total


def _after_reboot(place: Place, hearsay: Optional[Journal]) -> Dict[str, Any]:
    from shipway_agent.primitives import reboot

    line = reboot.lines(place.root, place.proxy)[0]
    if hearsay is not None and reboot.was_provided(place.root, place.proxy, hearsay):
        return {"after_reboot": True, "reboot_means": reboot.CRON, "reboot_line": line}
    ours = account()
    there = reboot.starts_after_reboot(place.root.path, ours.name, ours.home)
    return {"after_reboot": there, "reboot_means": reboot.means(), "reboot_line": line}


def _proxy(place: Place) -> Dict[str, Any]:
    if not os.path.lexists(place.proxy):
        return {"running": False, "binary": None, "listen": None, "sites": {}}
    from shipway_agent.primitives import proxy

    return proxy.facts(place.proxy)


def _jobs(journal: Journal, host: str, live: Optional[Dict[str, Any]]) -> List[Dict[str, Any]]:
    if not (live or {}).get("jobs") and not journal.rows("SELECT 1 FROM runs LIMIT 1"):
        return []
    from shipway_agent.job_facts import job_facts

    return job_facts(journal, host, live, clock.wall_now())


def _draining(root: Root, journal: Journal) -> List[Dict[str, Any]]:
    from shipway_agent.primitives import processes

    return processes.still_finishing(root, journal)


def _libc() -> str:
    """The C library, such as "glibc 2.36"; empty for one that does not say, as musl."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ""


def _why_not() -> Optional[str]:
    if not sys.platform.startswith("linux"):
        return f"it runs {sys.platform}; the agent needs Linux (/proc, CLOCK_BOOTTIME)"
    if not os.path.exists("/proc/self/stat"):
        return "/proc is not mounted"
    return None


def _unsound(journal: Journal, newest: Optional[int]) -> Optional[str]:
    try:
        journal.verify(newest)
    except AgentError as error:
        return error.message
    return journal.damage() or None


def _drift(place: Place, journal: Journal, live: Dict[str, Any], sealed: bool = False) -> List[str]:
    release = str(live["release"])
    if sealed and seals.is_sealed(place.root, journal, release):
        return []
    context = Context(place.root, place.proxy, journal, deployment="", fence=0, key="look", until=float("inf"), emit=lambda event: None)
    try:
        found = trees.verify(context, {"release": release})["differences"]
    except AgentError as error:
        return [error.message]
    return [f"{difference['path'] or 'release ' + release[:12]}: {difference['what']}" for difference in found]


def _exists(root: Root, relative: str) -> bool:
    try:
        return root.stat(relative) is not None
    except AgentError:
        return True  # something stands in the way there; that is for the tree to refuse

"""A root in, nothing of the application left on this host out, except what is shared unless that is to go too."""

from __future__ import annotations

import time

from shipway_agent import clock, runs, supervisor
from shipway_agent.apply import LINK, poke
from shipway_agent.data import points
from shipway_agent.data.migrations.database import FOLDER as MIGRATIONS
from shipway_agent.decide import Member, live
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.notifications import kept
from shipway_agent.primitives import Context, proxy, reboot
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, List, Mapping

EVERYTHING = ("releases", "generations", "toolchains", "outputs", "assets", "blobs", "parcels", "logs", kept.FILE)
DATA = ("shared", points.FOLDER, MIGRATIONS)
"""What outlives the application, unless it is to go too: its files, and the restore points."""

LOOK_SECONDS = 0.1


def remove(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Close the front door, end the processes as they ask to be ended, then remove the files: {"removed": [names], "kept": [names],
    "note"}. What would start the supervisor again goes before it; `note` says why where that could not be,
    and names the jobs that ran.

    The front door goes first, so that no request is sent to a process that ends. The journal and this agent stay: the record of what
    was here, and the highest number seen, outlive the application. Idempotent.
    Raises AgentError: `lease` for a driver that does not hold it, `stuck`.
    """
    root, journal = context.root, context.journal
    deployment, fence = str(args["deployment"]), int(args["fence"])
    _refuse_others(journal.member(), deployment)
    for site in _sites(journal):
        proxy.remove_site(context.proxy, site, max(1.0, context.left(time.monotonic())))
    left = [*reboot.forget(root), *(f"job {run.name} still ran here, and was ended" for run in runs.going(journal))]
    _end(context)
    removed: List[str] = [LINK] if root.unlink(LINK) else []
    names = EVERYTHING if args.get("keep_shared", True) else (*EVERYTHING, *DATA)
    removed += [name for name in names if root.remove(name)]
    journal.decide({"do": "remove", "deployment": deployment, "fence": fence}, clock.boot_now())
    journal.event("removed", deployment, {"removed": removed})
    return {"removed": removed, "kept": [name for name in DATA if root.stat(name) is not None], "note": "; ".join(left)}


def _refuse_others(member: Member, deployment: str) -> None:
    """Only the driver that holds this host's lease may remove what is on it."""
    if member.lease is None or member.lease.deployment != deployment or not live(member.lease, clock.boot_now()):
        raise AgentError("lease", f"{deployment} does not hold the lease of this host")


def _sites(journal: Journal) -> List[str]:
    documents = [attempt.document for attempt in journal.member().attempts]
    return sorted({f"{document['app']}-{document['environment']}" for document in documents if "app" in document})


def _end(context: Context) -> None:
    """End the supervisor, which ends its processes first."""
    root: Root = context.root
    if not root.supervised():
        supervisor.ensure(root, None, context.proxy)
    poke(root, {"end": True})
    while root.supervised():
        if context.left(time.monotonic()) <= 0:
            raise AgentError("stuck", "the processes of the application do not end; the supervisor goes on ending them")
        time.sleep(LOOK_SECONDS)

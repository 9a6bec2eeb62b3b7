"""Arguments in, Steps out: every step a plan may hold, with its key, title and bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shipway.model.intent import Task
from shipway.model.plan import Step
from shipway.model.release import Release
from shipway.plan.runtimes.process import command
from shipway_agent.record import replace

GRACE_SECONDS = 15.0
"""What a step may need on top of the wait that it is for."""

START_SECONDS = 60.0
"""Bound of a start where no process says how long its health may take."""

FILES_A_SECOND = 500
BYTES_A_SECOND = 5_000_000
"""The slowest host that a tree's bound allows for."""


def member(do: str, deployment: str, number: int, **more: Any) -> Step:
    """A message to the host's own record: vote, start, ready or finish."""
    titles = {"vote": "vote: prepared", "start": "may start candidates", "ready": "candidates are ready", "finish": "give the lease back"}
    return Step(f"member:{do}", "member", {"do": do, "deployment": deployment, "fence": number, **more}, titles[do], 30.0)


def peers_reach() -> Step:
    """Whether this host could ask its lead if the driver died: told, and remembered for the next plan; nothing depends on it.

    The lead itself always can.
    """
    return Step("reach", "peers.reach", {}, "see whether the lead can be asked", GRACE_SECONDS)


def tree_make(release: Release, static: str | None = None) -> Step:
    """`static` is the folder that the proxy serves: its files get the time of their content."""
    bound = 60.0 + len(release.entries) / FILES_A_SECOND + release.size_bytes / BYTES_A_SECOND
    args = {"release": release.digest, "manifest": release.digest, **_served(static)}
    return Step("tree", "tree.make", args, "build and verify the tree", round(bound, 1))


def toolchain_make(place: str, manifest: str) -> Step:
    args = {"place": place, "manifest": manifest}
    return Step(f"tool:{place.partition('-')[0]}", "toolchain.make", args, f"have {place.rpartition('-')[0].replace('-', ' ')}", 600.0)


def tree_again(release: str, *, static: str | None = None) -> Step:
    """The tree of a release that is there: read where somebody has written to it, and built anew from blobs where it was changed."""
    args = {"release": release, "manifest": release, **_served(static)}
    return Step("tree", "tree.make", args, "see that nobody wrote to the tree", 600.0)


def files_lay(number: int) -> Step:
    """Behind the tasks: ETags of what they wrote follow the content, and assets stay reachable beside those of earlier releases."""
    return Step("files", "files.lay", {"number": number}, "lay out the files that the proxy serves", 600.0)


def generation_make(number: int, document: Mapping[str, Any], env: Mapping[str, Any], **page: Any) -> Step:
    """`page_of` is the generation whose page for visitors goes on."""
    args = {"number": number, "document": document, "env": env, **page}
    return Step("generation", "generation.make", args, f"make generation {number}", 60.0)


def generation_lent(number: int, document: Mapping[str, Any], env: Mapping[str, Any]) -> Step:
    """An earlier generation on a host that lacks it, as another member has it."""
    args = {"number": number, "document": document, "env": env}
    return Step("generation:lent", "generation.make", args, f"make generation {number} as another member has it", 60.0)


def generation_copy(number: int, source: int, overrides: Mapping[str, Any], **page: Any) -> Step:
    """`page` is the text of a page for visitors, `page_of` the generation whose page goes on."""
    args = {"number": number, "source": source, "document": overrides, **page}
    return Step("generation", "generation.copy", args, f"make generation {number} from {source}", 60.0)


def proxy_ensure(binary: str | None, listen: str | None, site: Mapping[str, Any]) -> Step:
    return Step("proxy", "proxy.ensure", {"binary": binary, "listen": listen, "site": site}, "the proxy runs and knows the routes", 60.0)


def proxy_close(listen: str, site: Mapping[str, Any]) -> Step:
    args = {"binary": None, "listen": listen, "site": site, "decided": True}
    return Step("proxy:close", "proxy.ensure", args, "close what the site no longer has", 60.0)


def certificates_see(domains: Sequence[str], listen: str, wait_seconds: float) -> Step:
    """Whether the proxy has certificates, waited for: told, and nothing depends on it."""
    args = {"domains": list(domains), "listen": listen, "wait_seconds": wait_seconds}
    return Step("certificates", "certificates.see", args, f"see the certificates of {', '.join(domains)}", wait_seconds + 2 * GRACE_SECONDS)


def task_run(task: Task, number: int) -> Step:
    args = {
        "generation": number,
        "name": task.name,
        "run": command(task.run),
        "directory": task.directory,
        "timeout_seconds": task.timeout_seconds,
        "check": None if task.check is None else command(task.check),
        "outputs": list(task.outputs),
        "per_release": task.phase == "prepare",
    }
    return Step(f"task:{task.name}", "task.run", args, f"run {task.name}", task.timeout_seconds + GRACE_SECONDS)


def task_undo(task: Task, number: int) -> Step:
    """Undo a task by the command that its generation keeps."""
    args = {"generation": number, "name": task.name}
    return Step(f"undo:task:{task.name}", "task.undo", args, f"undo {task.name}", task.timeout_seconds + GRACE_SECONDS)


def reboot_ensure(app: str, environment: str) -> Step:
    """What starts the supervisor after a reboot. It never fails a deployment; where it cannot be, a note says so."""
    return Step("reboot", "reboot.ensure", {"app": app, "environment": environment}, "have its supervisor start after a reboot", 60.0)


def process_start(number: int, processes: Sequence[Mapping[str, Any]], *, warm: bool = False) -> Step:
    waits = [p["health"]["within_seconds"] if p["health"] else START_SECONDS for p in processes if p["listens"]]
    names = ", ".join(f"{p['name']} × {p['instances']}" for p in processes if p["listens"])
    title = f"start {names} and wait for health" if names else "nothing listens here"
    title = f"take over {names}, which still runs" if names and warm else title
    return Step("start", "process.start", {"generation": number}, title, max(waits, default=0.0) + GRACE_SECONDS)


def visited(step: Step, pages: Sequence[Mapping[str, Any]], front: Mapping[str, Any] | None) -> Step:
    """The same, with the first page asked at the front door from then on; where there is none to ask at, as it is."""
    return replace(step, args={**step.args, "pages": list(pages[:1]), "front": front}) if pages and front is not None else step


def switch(pages: Sequence[Mapping[str, Any]], front: Mapping[str, Any] | None) -> Step:
    """The rename; the first page is asked at the front door then, if it was not before, for what a proof says of downtime."""
    return Step("switch", "switch", {"pages": list(pages[:1]), "front": front}, "switch", 30.0)


def workers_settled(number: int, drain_seconds: float) -> Step:
    title = "workers run, old ones that may not overlap are gone"
    return Step("workers", "workers.settled", {"generation": number}, title, drain_seconds + START_SECONDS)


def prove(watch_seconds: float, pages: Sequence[Mapping[str, Any]], front: Mapping[str, Any] | None) -> Step:
    args = {"watch_seconds": watch_seconds, "pages": list(pages), "front": front}
    asked = sum(float(p["timeout_seconds"]) for p in pages)
    title = f"prove what serves, and watch it for {watch_seconds:g} s"
    return Step("prove", "prove", args, title, watch_seconds + asked + 2 * GRACE_SECONDS)


def judging(step: Step, names: Sequence[str]) -> Step:
    """The same for these processes alone: what else runs was taken over as it was."""
    return replace(step, args={**step.args, "judge": list(names)})


def unvisited(step: Step) -> Step:
    """The same without a visitor who measures downtime: nobody is let in at the front door."""
    return replace(step, args={**step.args, "visit": False})


def prove_again(watch_seconds: float, pages: Sequence[Mapping[str, Any]], front: Mapping[str, Any] | None) -> Step:
    """The same proof at the end of a rolling deployment, of a host that gave it in an earlier batch."""
    return replace(prove(watch_seconds, pages, front), key="prove:again", title=f"prove once more, and watch for {watch_seconds:g} s")


def see_serving(batch: int, pages: Sequence[Mapping[str, Any]], front: Mapping[str, Any] | None) -> Step:
    """One look at whether a host serves right now, whichever release; asked before each batch, so the key names the batch."""
    args = {"pages": list(pages[:1]), "front": front}
    return Step(f"serves:{batch}", "serves", args, "see that it serves", 2 * GRACE_SECONDS)


def retire_watch() -> Step:
    return Step("retire", "retire.watch", {}, "ask what still drains", GRACE_SECONDS)


def prune(keep: int) -> Step:
    return Step("prune", "prune", {"keep": keep}, f"keep the newest {keep} good generations", 120.0)


def remove(keep_shared: bool) -> Step:
    title = "take the application off this host" + (" and keep what is shared" if keep_shared else ", with all that is shared")
    return Step("remove", "remove", {"keep_shared": keep_shared}, title, 120.0)


def leave(host: str, deployment: str, number: int) -> Step:
    """The record of a member: `host` was taken out of the environment."""
    args = {"do": "leave", "deployment": deployment, "fence": number, "host": host}
    return Step("leave", "member", args, f"record that {host} left", 30.0)


def _served(static: str | None) -> dict[str, str]:
    return {} if static is None else {"static": static}

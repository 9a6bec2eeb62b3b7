"""A deployment that has voted in, nobody who writes on this host out: workers and periodic jobs rest, then requests wait."""

from __future__ import annotations

import time

from shipway_agent import drain, runs
from shipway_agent.apply import pointed
from shipway_agent.caddy.admin import address_of
from shipway_agent.copies import process_of
from shipway_agent.errors import AgentError
from shipway_agent.journal import ProcessRow
from shipway_agent.primitives import Context, generations
from shipway_agent.primitives.member import tell
from shipway_agent.reconcile import CALM_LOOKS, SETTLE_SECONDS
from shipway_agent.root import Root
from shipway_agent.supervisor import ensure
from shipway_agent.typed import Any, Dict, List, Mapping, Optional

LOOK_SECONDS = 0.05


def rest(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Have workers end and no periodic job begin, and wait until those that ran have ended, and what an earlier deployment left draining.

    Requests are served meanwhile. Answers {"seconds": how long that took}. Raises AgentError `still-writing`, naming what has not ended,
    and the codes of the record.
    """
    began = time.monotonic()
    _hold(context, args, waits=False)
    ensure(context.root, proxy_path=context.proxy)  # answered after a turn: what it would still have begun has its row by now
    while left := _who_writes(context):
        if context.left(time.monotonic()) <= 0:
            raise AgentError("still-writing", f"not at rest in time: {', '.join(left)}", left=left)
        time.sleep(LOOK_SECONDS)
    return {"seconds": round(time.monotonic() - began, 3)}


def begin(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """The same, then have each request wait for `seconds` at most, and those that came before be answered: {"seconds", "note"}.

    When this answers nobody writes here any more, until the record knows the decision. Our own probes pass. Raises AgentError
    `still-writing` where requests on their way outlast the drain time of their process, and the codes of the record.
    """
    rest(context, args)
    began = time.monotonic()
    _hold(context, args, waits=True)
    _wait_for_answers(context, began)
    seconds = int(args["seconds"])
    return {"seconds": round(time.monotonic() - began, 3), "note": f"requests wait until the decision, each at most {seconds} s"}


def _hold(context: Context, args: Mapping[str, Any], *, waits: bool) -> None:
    said = {"deployment": context.deployment, "fence": context.fence, "seconds": int(args["seconds"])}
    tell(context, {"do": "hold", **said, "waits": waits})


def _who_writes(context: Context) -> List[str]:
    """Workers, what ends of earlier generations, and runs of jobs, by names that people know."""
    serves = pointed(context.root)
    rows = [
        row
        for row in context.journal.processes()
        if row.pid is not None and (row.address is None or (row.state in ("draining", "stopping") and row.generation != serves))
    ]
    found = [f"{row.name}.{row.instance} of generation {row.generation} ({row.state})" for row in rows]
    return found + [f"job {run.name}" for run in runs.going(context.journal)]


def _wait_for_answers(context: Context, began: float) -> None:
    """Until nobody needs the old listeners, as far as backlog and proxy tell; each request has the drain time of its process."""
    number = pointed(context.root)
    rows = [row for row in context.journal.processes() if row.generation == number and row.address is not None]
    document = None if number is None else generations.read(context.root, number)
    bound = max((float(process_of(document, row.name).get("drain_seconds", 30.0)) for row in rows), default=0.0)
    calm = 0
    while rows:
        needed = _needed(context, rows)
        calm = calm + 1 if needed == 0 else 0
        passed = time.monotonic() - began
        if passed >= SETTLE_SECONDS and calm >= CALM_LOOKS:
            return
        if passed >= bound or context.left(time.monotonic()) <= 0:
            many = "the proxy does not tell how many requests" if needed is None else f"{needed} requests"
            raise AgentError("still-writing", f"{many} that came before were not answered within {passed:.0f} s", requests=needed)
        time.sleep(LOOK_SECONDS)


def _needed(context: Context, rows: List[ProcessRow]) -> Optional[int]:
    """Requests on their way to these listeners; None where the proxy does not tell."""
    with Root(context.proxy) as proxy:
        counts = drain.in_flight(address_of(proxy))
    return None if counts is None else sum(drain.needed(row.address, counts) for row in rows if row.address is not None)
